"""A server that offers no event stream: GET is answered 405."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer, echo_tool, refuse_get, tool_server

if TYPE_CHECKING:
    from starlette.types import ASGIApp

TRANSPORTS = ("http",)


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return tool_server(name, [echo_tool()])


def http(app: ASGIApp) -> ASGIApp:
    """Answer GET with 405, and leave the rest to the server."""
    return refuse_get(app, 405)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create, http)
