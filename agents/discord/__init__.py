"""discord: a Discord bot that reads and writes through the Discord REST API."""
