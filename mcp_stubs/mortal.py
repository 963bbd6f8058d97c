"""A server that a call can kill: it ends in the middle of that call, which stays unanswered."""

from __future__ import annotations

from typing import Any, NoReturn

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, echo_tool, tool_server


def create(name: str, room: Room) -> StubServer:
    """Return the server; the room is told of its death (see `Died`)."""

    async def die(_: Context, __: dict[str, Any]) -> NoReturn:
        room.die()

    return tool_server(name, [StubTool("die", "End this server in the middle of the call.", die), echo_tool("survive")])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
