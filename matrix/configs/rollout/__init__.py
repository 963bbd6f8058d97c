"""The staged rollout: which store an agent reads, and what is written to both meanwhile."""
