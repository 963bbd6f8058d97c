"""A server with the official SDK, as its documentation shows it; `python server.py` serves over stdio."""

from __future__ import annotations

import json
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

TOOLS = ["echo", "fail", "meet", "record"]
server = MCPServer("shop")
_inside: list[anyio.Event] = []


@server.tool()
def echo(text: str) -> str:
    """Return the text."""
    return text


@server.tool()
def record(text: str, number: float, flag: bool, nested: dict[str, Any], items: list[str]) -> str:
    """Return the arguments that arrived, as sorted JSON."""
    arrived = {"text": text, "number": number, "flag": flag, "nested": nested, "items": items}
    return json.dumps(arrived, sort_keys=True)


@server.tool()
def fail(message: str) -> str:
    """Fail with this message."""
    raise ToolError(message)


@server.tool()
async def meet() -> str:
    """Return `met` once two callers are inside, `alone` where the other does not come."""
    if _inside:
        _inside.pop().set()
        return "met"
    came = anyio.Event()
    _inside.append(came)
    with anyio.move_on_after(5):
        await came.wait()
        return "met"
    _inside.remove(came)
    return "alone"


if __name__ == "__main__":
    server.run()
