"""`matrix.jsonl` in and out: its schema, its files, the baseline, and what changed between two runs."""
