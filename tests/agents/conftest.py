"""MCP servers and scripted models for the bundled agents."""

import socket
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import respx
import uvicorn
from mcp.server import MCPServer
from pydantic_ai import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.messages import ModelRequest, RetryPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from starlette.types import ASGIApp, Receive, Scope, Send

KEYS = (
    "OPENAI_API_KEY",
    "WHATSAPP_API_KEY",
    "DISCORD_BOT_TOKEN",
    "BLACKPEARL_API_KEY",
    "AIRTABLE_API_KEY",
    "MEETING_BOT_API_KEY",
)

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


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def dummy_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.setenv(key, "test")
    monkeypatch.setenv("AIRTABLE_BASE_ID", "appLkNDICXNqxSDhG")


@pytest.fixture
def stdio_server(tmp_path: Any) -> dict[str, Any]:
    """Return the entry of a server that runs as a process, in a folder and with a variable of its own."""
    script = tmp_path / "server.py"
    script.write_text(STDIO_SERVER)
    folder = tmp_path / "folder"
    folder.mkdir()
    return {
        "command": sys.executable,
        "args": [str(script)],
        "env": {"DECLARED": "yes"},
        "cwd": str(folder),
    }


@dataclass
class Remote:
    """A server on loopback, and what reached it: each request's path and its header `x-key`."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    together: int = 0
    most_together: int = 0

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
        """Be inside for a moment."""
        remote.together += 1
        remote.most_together = max(remote.most_together, remote.together)
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
        config = uvicorn.Config(
            recorded(app, remote), log_level="error", timeout_graceful_shutdown=1, ws="none"
        )
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
        return FunctionModel(self._answer)

    def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if not self.offered:
            self.offered = [tool.name for tool in info.function_tools]
            self.descriptions = {tool.name: tool.description or "" for tool in info.function_tools}
            self.parameters = {
                tool.name: list(tool.parameters_json_schema.get("properties", {}))
                for tool in info.function_tools
            }
            self.instructions = info.instructions or ""
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


Play = Callable[..., Any]


@pytest.fixture
def play() -> Play:
    """Return a function that runs an agent with calls scripted, and returns the model's side of it."""

    async def run(
        agent: Any, *calls: tuple[str, dict[str, Any]], prompt: Any = "go", deps: Any = None
    ) -> Scripted:
        scripted = Scripted(list(calls))
        result = await agent.run(prompt, model=scripted.model, deps=deps)
        assert result.output == "done"
        return scripted

    return run


@pytest.fixture
def services() -> Callable[..., Any]:
    """Return a function that opens a respx router with an agent's services; any other request fails."""

    @asynccontextmanager
    async def answered(mock: Callable[[respx.MockRouter], None]) -> AsyncIterator[respx.MockRouter]:
        async with respx.mock(assert_all_called=False) as router:
            mock(router)
            yield router

    return answered
