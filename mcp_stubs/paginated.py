"""Twelve tools, four to a page."""

from __future__ import annotations

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer, echo_tool, tool_server


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return tool_server(name, [echo_tool(f"page_tool_{number:02}") for number in range(1, 13)], page_size=4)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
