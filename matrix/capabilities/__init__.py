"""The questions, one file per group of the catalogue."""
