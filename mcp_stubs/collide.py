"""A tool that says which server answered, so that two of these servers collide."""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, strings, tool_server


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def lookup(_: Context, arguments: dict[str, Any]) -> str:
        return f"{name}: {arguments['text']}"

    return tool_server(name, [StubTool("lookup", "Return the text after this server's name.", lookup, strings("text"))])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
