"""A tool that returns only once as many callers are inside as its `party` says."""

from __future__ import annotations

from typing import Any

from mcp_stubs._stub import Context, Room, StubServer, StubTool, tool_server


def create(name: str, room: Room) -> StubServer:
    """Return the server; all servers of one room share the meeting place."""

    async def meet(_: Context, arguments: dict[str, Any]) -> str:
        await room.meet(str(arguments.get("table") or ""), int(arguments["party"]))
        return f"met {arguments.get('token', '')}".strip()

    schema = {
        "type": "object",
        "properties": {
            "party": {"type": "integer", "description": "How many callers have to be inside."},
            "table": {"type": "string", "description": "Where to meet; anywhere by default."},
            "token": {"type": "string", "description": "Handed back to this caller."},
        },
        "required": ["party"],
    }
    description = "Wait until the whole party is here, then say `met` and your token."
    return tool_server(name, [StubTool("meet", description, meet, schema)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
