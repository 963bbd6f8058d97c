"""A server with instructions, which carry a marker."""

from __future__ import annotations

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer, echo_tool, tool_server

INSTRUCTIONS = "Use `echo` for every text that you are given (instructions-marker-7f3a)."


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return tool_server(name, [echo_tool()], instructions=INSTRUCTIONS)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
