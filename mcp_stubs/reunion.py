"""The same meeting place as `rendezvous`, by another tool: for two servers whose tools do not share a name."""

from __future__ import annotations

from typing import Any

from mcp_stubs._stub import Context, Room, StubServer, StubTool, tool_server


def create(name: str, room: Room) -> StubServer:
    """Return the server; it meets at the table of all servers of the room."""

    async def join(_: Context, arguments: dict[str, Any]) -> str:
        await room.meet("", int(arguments["party"]))
        return f"met {arguments.get('token', '')}".strip()

    schema = {
        "type": "object",
        "properties": {
            "party": {"type": "integer", "description": "How many callers have to be inside."},
            "token": {"type": "string", "description": "Handed back to this caller."},
        },
        "required": ["party"],
    }
    description = "Wait until the whole party is here, then say `met` and your token."
    return tool_server(name, [StubTool("join", description, join, schema)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
