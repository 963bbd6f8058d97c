"""A tool that asks the client for everything it advertised, and reports what was answered."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import BaseModel, ValidationError

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, as_json, tool_server

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""In 2026-07-28 a server sends no requests."""

PATIENCE = 5.0
"""Seconds to wait for each answer."""

_ROOTS = types.ListRootsRequest()
_SAMPLING = types.CreateMessageRequest(
    params=types.CreateMessageRequestParams(
        messages=[types.SamplingMessage(role="user", content=types.TextContent(text="Say hello."))],
        max_tokens=16,
    )
)
_FORM = types.ElicitRequest(
    params=types.ElicitRequestFormParams(
        message="What is your name?",
        requested_schema={"type": "object", "properties": {"name": {"type": "string"}}},
    )
)
_URL = types.ElicitRequest(
    params=types.ElicitRequestURLParams(
        message="Please look at this page.", url="https://example.com/", elicitation_id="curious-1"
    )
)


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def probe_client(ctx: Context, _: dict[str, Any]) -> str:
        advertised = ctx.session.client_capabilities or types.ClientCapabilities()
        report = {"ping": await _answer(ctx, types.PingRequest(), types.EmptyResult)}
        for feature, capability, request, result in (
            ("roots", advertised.roots, _ROOTS, types.ListRootsResult),
            ("sampling", advertised.sampling, _SAMPLING, types.CreateMessageResult),
            ("elicitation", advertised.elicitation, _elicitation(advertised), types.ElicitResult),
        ):
            report[feature] = "not advertised" if capability is None else await _answer(ctx, request, result)
        return as_json(report)

    return tool_server(
        name,
        [StubTool("probe_client", "Report which of the client's features answer.", probe_client)],
        handshake_only=True,
    )


def _elicitation(advertised: types.ClientCapabilities) -> types.ElicitRequest:
    """Return a request of a mode that the client has; one that names no mode has forms (2025-11-25)."""
    modes = advertised.elicitation
    return _URL if modes is not None and modes.form is None and modes.url is not None else _FORM


async def _answer(ctx: Context, request: types.ServerRequest, result: type[BaseModel]) -> str:
    try:
        # Related to the call: over HTTP it then needs no stream besides the call's own.
        await ctx.session.send_request(
            request, result, PATIENCE, ServerMessageMetadata(related_request_id=ctx.request_id)
        )
    except MCPError as error:
        return f"error: {error.message}"
    except ValidationError:
        return "error: the answer is not valid"
    return "answered"


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
