"""The MCP server config store: one model, one reader, a store, its migration and rollback, its API."""
