"""Stub MCP servers, one behaviour each.

A module here has a docstring (its first line says the behaviour), `create(name, room)` which returns a
low-level SDK server, and may have `http(app)`, which wraps its HTTP end, `TRANSPORTS` and `REVISIONS`, which
narrow where it makes sense: literal tuples, read without importing the module. Each also runs alone:
`python -m mcp_stubs.echo --transport http`.
"""
