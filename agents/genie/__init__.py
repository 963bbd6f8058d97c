"""genie: plans an epic and delegates its steps to the other four agents, within a budget."""
