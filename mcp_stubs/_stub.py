"""What the stubs have in common: a room to meet in, tools in three lines, and servers of one era."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.runner import serve_loop
from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.responses import Response

if TYPE_CHECKING:
    from mcp.server.models import InitializationOptions
    from mcp.shared._stream_protocols import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage
    from starlette.types import ASGIApp, Receive, Scope, Send

Context = ServerRequestContext[Any, Any]
Outcome = str | types.CallToolResult | Sequence[types.ContentBlock]
Handler = Callable[[Context, dict[str, Any]], Awaitable[Outcome]]

STDERR: ContextVar[TextIO] = ContextVar("STDERR", default=sys.stderr)
"""Where a stub writes its diagnostics: this process's stderr when it runs alone, its own bridge's in a lab."""


@dataclass(frozen=True)
class StubTool:
    """A tool and what it does: `handler(ctx, arguments)` returns a text, content blocks, or a result."""

    name: str
    description: str
    handler: Handler
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    output_schema: Mapping[str, Any] | None = None
    annotations: types.ToolAnnotations | None = None


class StubServer(Server[Any]):
    """The SDK's low-level server, which may be of the handshake era only, and announce changes of its tools.

    A host that drives it through `run`, or through the session manager of streamable HTTP, gets both.
    """

    handshake_only = False
    list_changed = False

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Return the options, in which `tools.listChanged` says the truth about this stub."""
        return super().create_initialization_options(
            notification_options or NotificationOptions(tools_changed=self.list_changed),
            experimental_capabilities,
            extensions,
        )

    async def run(
        self,
        read_stream: ReadStream[SessionMessage | Exception],
        write_stream: WriteStream[SessionMessage],
        initialization_options: InitializationOptions,
        raise_exceptions: bool = False,
    ) -> None:
        """Serve one connection until the client closes it."""
        if not self.handshake_only:
            await super().run(read_stream, write_stream, initialization_options, raise_exceptions)
            return
        # The SDK's own loop lets the first request decide the era: after a `server/discover` it would
        # refuse the `initialize` that a client falls back to.
        async with self.lifespan(self) as state:
            await serve_loop(
                self,
                read_stream,
                write_stream,
                lifespan_state=state,
                init_options=initialization_options,
                raise_exceptions=raise_exceptions,
            )


def marker(server: str, tool: str) -> str:
    """Return the mark by which a tool is found again under whatever name an agent gives it."""
    return f"[mcp:{server}/{tool}]"


def as_json(value: Any) -> str:
    """Return the value as JSON with sorted keys, its text unescaped."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def strings(*names: str) -> dict[str, Any]:
    """Return the schema of an object in which each of these is a required string."""
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
    }


def described(required: Sequence[str], **properties: tuple[str, str]) -> dict[str, Any]:
    """Return the schema of an object whose properties each have a type and a description."""
    return {
        "type": "object",
        "properties": {name: {"type": kind, "description": text} for name, (kind, text) in properties.items()},
        "required": list(required),
    }


def echo_tool(name: str = "echo", description: str = "Return the text as it is.") -> StubTool:
    """Return a tool that takes `text` and returns exactly that."""

    async def echo(_: Context, arguments: dict[str, Any]) -> str:
        return str(arguments["text"])

    return StubTool(name, description, echo, strings("text"))


@dataclass(frozen=True)
class _Tools:
    """The tools of one server, read afresh at every request, so that a stub may change them."""

    server: str
    tools: Sequence[StubTool]
    page_size: int | None

    def find(self, name: str) -> StubTool | None:
        return next((tool for tool in self.tools if tool.name == name), None)

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        tool = self.find(name)
        return None if tool is None else tool.schema

    async def list(self, _: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        cursor = params.cursor if params is not None and params.cursor else "0"
        if not cursor.isdecimal():
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown cursor: {cursor}")
        start = int(cursor)
        end = len(self.tools) if self.page_size is None else start + self.page_size
        return types.ListToolsResult(
            tools=[listed(self.server, tool) for tool in self.tools[start:end]],
            next_cursor=str(end) if end < len(self.tools) else None,
        )

    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self.find(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name}")
        arguments = dict(params.arguments or {})
        missing = [key for key in tool.schema.get("required", ()) if key not in arguments]
        if missing:
            return text_result(f"Missing argument: {', '.join(missing)}", is_error=True)
        outcome = await tool.handler(ctx, arguments)
        if isinstance(outcome, types.CallToolResult):
            return outcome
        if isinstance(outcome, str):
            return text_result(outcome)
        return types.CallToolResult(content=[*outcome])


def tool_server(
    name: str,
    tools: Sequence[StubTool],
    *,
    instructions: str | None = None,
    page_size: int | None = None,
    handshake_only: bool = False,
) -> StubServer:
    """Return a server of these tools, each marked in its description, `page_size` of them a page.

    A call of an unknown tool is answered with the JSON-RPC error -32602, one without a required argument
    with a result that is an error, as the specification asks (2025-11-25, server/tools, "Error Handling").
    A server that is `handshake_only` does not know 2026-07-28.
    """
    catalogue = _Tools(name, tools, page_size)
    server = StubServer(
        name,
        version="1",
        instructions=instructions,
        # Else the SDK lists all tools before every 2026-07-28 call over HTTP.
        get_tool_input_schema=catalogue.input_schema,
        on_list_tools=catalogue.list,
        on_call_tool=catalogue.call,
    )
    if handshake_only:
        server.handshake_only = True
        server.middleware.append(_refuse_stateless)
    return server


def refuse_get(app: ASGIApp, status: int) -> ASGIApp:
    """Return the app with every GET answered by this status and nothing else."""

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            headers = {"Allow": "POST, DELETE"} if status == 405 else None
            await Response(status_code=status, headers=headers)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return refusing


def listed(server: str, tool: StubTool) -> types.Tool:
    """Return the tool as `tools/list` shows it, marked in its description."""
    return types.Tool(
        name=tool.name,
        description=f"{tool.description} {marker(server, tool.name)}",
        input_schema=dict(tool.schema),
        output_schema=None if tool.output_schema is None else dict(tool.output_schema),
        annotations=tool.annotations,
    )


def text_result(text: str, *, is_error: bool = False) -> types.CallToolResult:
    """Return a result of one text."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=is_error)


async def _refuse_stateless(ctx: Context, call_next: CallNext) -> HandlerResult:
    """Answer a 2026-07-28 request as a server must that does not speak it; only HTTP brings one here."""
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and ctx.request_id is not None:
        raise MCPError(
            code=types.UNSUPPORTED_PROTOCOL_VERSION,
            message=f"Unsupported protocol version: {ctx.protocol_version}",
            data={"supported": list(HANDSHAKE_PROTOCOL_VERSIONS), "requested": ctx.protocol_version},
        )
    return await call_next(ctx)
