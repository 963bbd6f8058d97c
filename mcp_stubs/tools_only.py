"""A server that answers -32601 to everything but the handshake and its tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mcp_types as types
from mcp.shared.exceptions import MCPError

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, echo_tool, tool_server

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""In 2026-07-28 every server has methods besides."""
_KNOWN = {"initialize", "tools/list", "tools/call"}


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    server = tool_server(name, [echo_tool()], handshake_only=True)
    server.middleware.insert(0, _refuse)
    return server


async def _refuse(ctx: Context, call_next: CallNext) -> HandlerResult:
    if ctx.request_id is not None and ctx.method not in _KNOWN:
        raise MCPError(code=types.METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
    return await call_next(ctx)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
