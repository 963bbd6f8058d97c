"""A tool that returns only once as many callers are inside as its `party` says."""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, described, tool_server


def create(name: str, room: Room) -> StubServer:
    """Return the server; all servers of one room share the meeting place."""
    return tool_server(name, [meeting(room, "meet", table=("string", "Where to meet; anywhere by default."))])


def meeting(room: Room, tool: str, **more: tuple[str, str]) -> StubTool:
    """Return a tool that waits for the whole party; `more` are further properties of its schema."""

    async def meet(_: Context, arguments: dict[str, Any]) -> str:
        await room.meet(str(arguments.get("table") or ""), int(arguments["party"]))
        return f"met {arguments.get('token', '')}".strip()

    schema = described(
        ["party"],
        party=("integer", "How many callers have to be inside."),
        **more,
        token=("string", "Handed back to this caller."),
    )
    return StubTool(tool, "Wait until the whole party is here, then say `met` and your token.", meet, schema)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
