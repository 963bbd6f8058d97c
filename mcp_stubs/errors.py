"""Tools that fail in the two ways of the protocol: a result that is an error, and a JSON-RPC error."""

from __future__ import annotations

from typing import Any, NoReturn

import mcp_types as types
from mcp.shared.exceptions import MCPError

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, echo_tool, strings, text_result, tool_server

_ATTEMPT = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "fails": {"type": "boolean"}},
    "required": ["text", "fails"],
}


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def fail(_: Context, arguments: dict[str, Any]) -> types.CallToolResult:
        return text_result(str(arguments["message"]), is_error=True)

    async def refuse(_: Context, arguments: dict[str, Any]) -> NoReturn:
        raise MCPError(code=types.INTERNAL_ERROR, message=str(arguments["message"]))

    async def attempt(_: Context, arguments: dict[str, Any]) -> types.CallToolResult:
        return text_result(str(arguments["text"]), is_error=arguments["fails"] is True)

    return tool_server(
        name,
        [
            StubTool("fail", "Return the message as a result that is an error.", fail, strings("message")),
            StubTool("refuse", "Answer with a JSON-RPC error of this message.", refuse, strings("message")),
            StubTool("attempt", "Return the text, as a result or as one that is an error.", attempt, _ATTEMPT),
            echo_tool(),
        ],
    )


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
