"""What the stubs have in common: a room to meet in, tools in three lines, and a way to run alone."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TextIO

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

Context = ServerRequestContext[Any, Any]
Outcome = str | types.CallToolResult | Sequence[types.ContentBlock]
Handler = Callable[[Context, dict[str, Any]], Awaitable[Outcome]]

STDERR: ContextVar[TextIO] = ContextVar("STDERR", default=sys.stderr)
"""Where a stub writes its diagnostics: this process's stderr when it runs alone, its own pump's in a lab."""


class Room:
    """What the servers of one cell share: places to meet, and events.

    Two stubs, or two sessions of one, that were given the same room meet at the same table.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._events: dict[str, anyio.Event] = {}
        self.facts: dict[str, Any] = {}

    async def meet(self, table: str, party: int) -> None:
        """Return once `party` callers are at the table; the next party starts afresh."""
        seat = self._tables.setdefault(table, _Table())
        seat.waiting += 1
        full = seat.full
        if seat.waiting >= party:
            self._tables[table] = _Table()
            full.set()
            return
        try:
            await full.wait()
        except BaseException:
            seat.waiting -= 1
            raise

    def event(self, name: str) -> anyio.Event:
        """Return the event of this name, the same one for everybody in the room."""
        return self._events.setdefault(name, anyio.Event())


@dataclass
class _Table:
    waiting: int = 0
    full: anyio.Event = field(default_factory=anyio.Event)


@dataclass(frozen=True)
class StubTool:
    """A tool and what it does: `handler(ctx, arguments)` returns a text, content blocks, or a whole result."""

    name: str
    description: str
    handler: Handler
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    output_schema: Mapping[str, Any] | None = None
    annotations: types.ToolAnnotations | None = None


def marker(server: str, tool: str) -> str:
    """Return the mark by which a tool is found again under whatever name an agent gives it."""
    return f"[mcp:{server}/{tool}]"


def tool_server(
    name: str,
    tools: Sequence[StubTool],
    *,
    instructions: str | None = None,
    page_size: int | None = None,
) -> Server[Any]:
    """Return a server of these tools, each marked in its description, `page_size` of them a page.

    A call of an unknown tool is answered with the JSON-RPC error -32602, as the specification asks
    (2025-11-25, server/tools, "Error Handling").
    """
    by_name = {tool.name: tool for tool in tools}
    listed = [
        types.Tool(
            name=tool.name,
            description=f"{tool.description} {marker(name, tool.name)}",
            input_schema=dict(tool.schema),
            output_schema=None if tool.output_schema is None else dict(tool.output_schema),
            annotations=tool.annotations,
        )
        for tool in tools
    ]

    async def list_tools(_: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        start = int(params.cursor) if params is not None and params.cursor else 0
        end = len(listed) if page_size is None else start + page_size
        return types.ListToolsResult(
            tools=listed[start:end], next_cursor=str(end) if end < len(listed) else None
        )

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = by_name.get(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name}")
        outcome = await tool.handler(ctx, dict(params.arguments or {}))
        if isinstance(outcome, types.CallToolResult):
            return outcome
        if isinstance(outcome, str):
            return types.CallToolResult(content=[types.TextContent(type="text", text=outcome)])
        return types.CallToolResult(content=list(outcome))

    return Server(name, version="1", instructions=instructions, on_list_tools=list_tools, on_call_tool=call_tool)
