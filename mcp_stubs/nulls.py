"""A tool whose arguments may be null at any depth, which returns the arguments that arrived."""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, as_json, tool_server

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "readings": {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
        "place": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "room": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["name", "room"],
        },
    },
    "required": ["note", "readings", "place"],
}
"""All is required: a null for what is optional may stand for its absence, one for what is required may not."""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def keep(_: Context, arguments: dict[str, Any]) -> str:
        return as_json(arguments)

    return tool_server(name, [StubTool("keep", "Return the arguments as sorted JSON.", keep, SCHEMA)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
