"""The staged rollout: which store serves an agent, and what is written to both meanwhile."""
