"""stan: a B2B seller on the BlackPearl API, with three sub-agents."""
