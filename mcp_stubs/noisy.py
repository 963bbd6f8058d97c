"""A tool that floods stderr with 256 KB before it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import STDERR, Context, Outcome, StubServer, echo_tool, tool_server

FLOOD = ("noise " * 10 + "end\n") * 4096
"""4096 lines of 64 characters: 256 KB, four times what a pipe of Linux holds."""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    echo = echo_tool()

    async def shout(ctx: Context, arguments: dict[str, Any]) -> Outcome:
        stderr = STDERR.get()
        stderr.write(FLOOD)
        stderr.flush()
        return await echo.handler(ctx, arguments)

    return tool_server(name, [replace(echo, handler=shout)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
