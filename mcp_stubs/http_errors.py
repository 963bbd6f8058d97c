"""A server before which a gateway answers some calls with an HTTP error and a page of HTML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, described, echo_tool, tool_server

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORTS = ("http",)
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}}
"""A 401 names a scheme (RFC 9110, 15.5.2)."""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def refuse(_: Context, arguments: dict[str, Any]) -> str:
        return f"no gateway is there to answer {arguments['status']}"

    schema = described(["status"], status=("integer", "The HTTP status that the call is to be answered with."))
    return tool_server(name, [StubTool("refuse", "Be refused by the gateway.", refuse, schema), echo_tool()])


def http(app: ASGIApp) -> ASGIApp:
    """Answer a call of `refuse` with the status that it asks for, and leave the rest to the server."""

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        body = await _body(receive)
        status = _refused(body)
        if status is not None:
            page = f"<html><body><h1>{status}</h1><p>This is the gateway.</p></body></html>"
            await HTMLResponse(page, status, _HEADERS.get(status))(scope, receive, send)
            return
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return unread.pop() if unread else await receive()

        await app(scope, again, send)

    return gateway


def _refused(body: bytes) -> int | None:
    """Return the status that a call of `refuse` asks for, or None for anything else."""
    try:
        message: Any = json.loads(body)
        if message["method"] != "tools/call" or message["params"]["name"] != "refuse":
            return None
        return int(message["params"]["arguments"]["status"])
    except (ValueError, KeyError, TypeError):
        return None


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create, http)
