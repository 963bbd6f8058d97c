"""The agent matrix: which agent works with which MCP server, measured."""
