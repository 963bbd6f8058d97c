"""MCP servers on loopback, and a model that plays a script, for the tests of the bundled agents."""

import socket
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import uvicorn
from mcp.server import MCPServer
from pydantic_ai import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.messages import ModelRequest, RetryPromptPart, SystemPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from starlette.types import ASGIApp, Receive, Scope, Send

STDIO_SERVER = textwrap.dedent(
    """
    import os
    from mcp.server import MCPServer

    server = MCPServer("inline")

    @server.tool()
    def echo(text: str) -> str:
        "Say it again."
        return f"echo: {text}"

    @server.tool()
    def where() -> list[str]:
        "Tell the working folder and two variables."
        return [os.getcwd(), os.environ.get("DECLARED", "-"), os.environ.get("OPENAI_API_KEY", "-")]

    server.run()
    """
)


@dataclass
class Remote:
    """A server on loopback, and what reached it: each request's path and its header `x-key`."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    together: int = 0
    most_together: int = 0
    full: anyio.Event = field(default_factory=anyio.Event)

    def spec(self, kind: str) -> dict[str, Any]:
        return {"type": kind, "url": self.url, "headers": {"x-key": "secret"}}


def echo_server(remote: Remote) -> MCPServer:
    server = MCPServer("inline")

    @server.tool()
    def echo(text: str) -> str:
        """Say it again."""
        return f"echo: {text}"

    @server.tool()
    def broken() -> str:
        """Fail."""
        raise ValueError("out of paper")

    @server.tool()
    async def crowd() -> str:
        """Return once fifteen have been inside, and a moment later, so that a sixteenth would be seen."""
        remote.together += 1
        remote.most_together = max(remote.most_together, remote.together)
        if remote.together >= 15:
            remote.full.set()
        await remote.full.wait()
        await anyio.sleep(0.05)
        remote.together -= 1
        return "done"

    return server


@asynccontextmanager
async def serve(kind: str = "http") -> AsyncIterator[Remote]:
    """Serve the tools over streamable HTTP or SSE."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        remote = Remote(f"http://127.0.0.1:{port}/{'sse' if kind == 'sse' else 'mcp'}")
        server = echo_server(remote)
        app = server.sse_app() if kind == "sse" else server.streamable_http_app()
        config = uvicorn.Config(recorded(app, remote), log_level="error", timeout_graceful_shutdown=1, ws="none")
        http = uvicorn.Server(config)
        async with anyio.create_task_group() as tasks:
            listener.listen(100)
            tasks.start_soon(http.serve, [listener])
            while not http.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await anyio.sleep(0.01)
            try:
                yield remote
            finally:
                http.should_exit = True


def recorded(app: ASGIApp, remote: Remote) -> ASGIApp:
    async def middle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            remote.requests.append((scope["path"], headers.get(b"x-key", b"").decode()))
        await app(scope, receive, send)

    return middle


@dataclass
class Scripted:
    """A model that makes the given calls, one a turn, and keeps what it was offered and shown."""

    calls: list[tuple[str, dict[str, Any]]]
    offered: list[str] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, list[str]] = field(default_factory=dict)
    instructions: str = ""
    shown: list[str] = field(default_factory=list)

    @property
    def model(self) -> FunctionModel:
        return FunctionModel(self.answer)

    def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if not self.offered:
            self.offered = [tool.name for tool in info.function_tools]
            self.descriptions = {tool.name: tool.description or "" for tool in info.function_tools}
            self.parameters = {
                tool.name: list(tool.parameters_json_schema.get("properties", {})) for tool in info.function_tools
            }
            system = [
                part.content for message in messages for part in message.parts if isinstance(part, SystemPromptPart)
            ]
            self.instructions = info.instructions or "\n".join(system)
        self.shown = [
            part.model_response_str() if isinstance(part, ToolReturnPart) else part.model_response()
            for message in messages
            if isinstance(message, ModelRequest)
            for part in message.parts
            if isinstance(part, ToolReturnPart | RetryPromptPart)
        ]
        if len(self.shown) < len(self.calls):
            name, arguments = self.calls[len(self.shown)]
            return ModelResponse(parts=[ToolCallPart(name, arguments)])
        return ModelResponse(parts=[TextPart("done")])
