"""Two hundred cells as a user would write them by hand, for comparison: see tests.py."""
