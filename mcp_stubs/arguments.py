"""A tool with an argument of every JSON type, which returns the arguments that arrived."""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, as_json, tool_server

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "number": {"type": "number"},
        "integer": {"type": "integer"},
        "flag": {"type": "boolean"},
        "items": {"type": "array", "items": {"type": "string"}},
        "numbers": {"type": "array", "items": {"type": "number"}},
        "nested": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "inner": {
                    "type": "object",
                    "properties": {"rows": {"type": "array", "items": {"type": "array", "items": {}}}},
                },
            },
        },
        "nullable": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "optional_text": {"type": "string"},
        "optional_number": {"type": "number"},
        "optional_integer": {"type": "integer"},
        "optional_flag": {"type": "boolean"},
        "optional_items": {"type": "array", "items": {"type": "string"}},
        "optional_nested": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
    "required": ["text"],
}
"""Only `text` is required."""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def record(_: Context, arguments: dict[str, Any]) -> str:
        return as_json(arguments)

    return tool_server(name, [StubTool("record", "Return the arguments as sorted JSON.", record, SCHEMA)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
