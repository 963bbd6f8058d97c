"""The same meeting place as `rendezvous`, by another tool: for two servers whose tools do not share a name."""

from __future__ import annotations

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer, tool_server
from mcp_stubs.rendezvous import meeting


def create(name: str, room: Room) -> StubServer:
    """Return the server; it meets at the table of all servers of the room."""
    return tool_server(name, [meeting(room, "join")])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
