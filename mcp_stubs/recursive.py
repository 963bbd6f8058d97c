"""A tool whose input schema is recursive: a tree of nodes."""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, as_json, tool_server

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"tree": {"$ref": "#/$defs/node"}},
    "required": ["tree"],
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
        }
    },
}


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def plant(_: Context, arguments: dict[str, Any]) -> str:
        return f"ok {as_json(arguments)}"

    return tool_server(name, [StubTool("plant", "Return `ok` and the tree as sorted JSON.", plant, SCHEMA)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
