"""MCP servers as a cell has them: stubs and real ones, over every transport, recorded."""
