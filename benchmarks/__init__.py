"""What it costs, measured: `python -m benchmarks [PART…]`. For developers; the wheel has none of it."""
