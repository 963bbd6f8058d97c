"""The ways to start an agent: a pydantic-ai agent or factory, any callable, a command."""
