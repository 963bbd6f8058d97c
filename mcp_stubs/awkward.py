"""Tools that the protocol allows, and that break a provider's rules when they are passed on unchanged.

MCP lets a name have 1 to 128 characters of A-Z, a-z, 0-9, `_`, `-` and `.` (2025-11-25, server/tools, "Tool
Names"); providers allow 64, and no dot. An array without `items` and an object without `properties` are valid
JSON Schema; some providers refuse both.
"""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, as_json, strings, tool_server

LONG_NAME = "a_tool_name_that_the_protocol_allows_and_that_is_longer_than_providers_take_".ljust(100, "x")
"""A name of 100 characters."""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def accept(_: Context, arguments: dict[str, Any]) -> str:
        return as_json(arguments)

    bare_array = {"type": "object", "properties": {"values": {"type": "array"}}, "required": ["values"]}
    description = "Return the arguments as sorted JSON."
    return tool_server(
        name,
        [
            StubTool("files.read", description, accept, strings("path")),
            StubTool(LONG_NAME, description, accept, strings("text")),
            StubTool("bare_array", description, accept, bare_array),
            StubTool("bare_object", description, accept, {"type": "object"}),
        ],
    )


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
