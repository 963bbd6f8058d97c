"""What there is to ask, and of whom: agents, servers and capabilities, and the environments that they need."""
