"""A server of the handshake era that answers -32602 to `server/discover`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, echo_tool, tool_server

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return without_discover(name, _refuse)


def without_discover(name: str, answer: Callable[[], Awaitable[None]]) -> StubServer:
    """Return a server of the handshake era with `echo`; `answer` is what it does about `server/discover`."""

    async def discover(ctx: Context, call_next: CallNext) -> HandlerResult:
        if ctx.method == "server/discover":
            await answer()
        return await call_next(ctx)

    server = tool_server(name, [echo_tool()], handshake_only=True)
    server.middleware.insert(0, discover)
    return server


async def _refuse() -> None:
    raise MCPError(code=types.INVALID_PARAMS, message="Invalid request parameters", data="")


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
