"""A tool that says `met` only where as many callers are inside at once as its `party` says; who stays alone is told."""

from __future__ import annotations

from typing import Any

import anyio

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, described, tool_server

PATIENCE = 5.0
"""Seconds after which nobody waits any longer for the others."""


def create(name: str, room: Room) -> StubServer:
    """Return the server; all servers of one room share the meeting place."""
    return tool_server(name, [meeting(room, "meet", table=("string", "Where to meet; anywhere by default."))])


def meeting(room: Room, tool: str, **more: tuple[str, str]) -> StubTool:
    """Return a tool that waits for the whole party; `more` are further properties of its schema."""

    async def meet(_: Context, arguments: dict[str, Any]) -> str:
        met = False
        with anyio.move_on_after(PATIENCE):
            await room.meet(str(arguments.get("table") or ""), int(arguments["party"]))
            met = True
        return f"{'met' if met else 'alone'} {arguments.get('token', '')}".strip()

    schema = described(
        ["party"],
        party=("integer", "How many callers have to be inside."),
        **more,
        token=("string", "Handed back to this caller."),
    )
    return StubTool(tool, "Wait for the whole party, and say `met` or `alone` and your token.", meet, schema)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
