"""A server that needs two seconds to start: nothing is answered before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, echo_tool, tool_server

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult

TRANSPORTS = ("stdio",)
SECONDS = 2.0
_OPENING = {"initialize", "server/discover"}


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return starting(name, lambda: anyio.sleep(SECONDS))


def starting(name: str, start: Callable[[], Awaitable[None]]) -> StubServer:
    """Return a server with `echo`; each of its connections waits for `start` before its first answer."""

    async def wait(ctx: Context, call_next: CallNext) -> HandlerResult:
        if ctx.method in _OPENING:
            await start()
        return await call_next(ctx)

    server = tool_server(name, [echo_tool()])
    server.middleware.insert(0, wait)
    return server


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
