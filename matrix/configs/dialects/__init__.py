"""The forms in which people write down MCP servers, a module for each family; `reader.py` tries them all."""
