"""The control: the official MCP SDK's client with no agent around it.

It does with the SDK alone what any agent does: connect to every server, offer all their tools to the model, make
the calls of a turn together, show the results, until the model answers with text. Where it fails, the fault is
ours or the server's, never an agent's.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from matrix.adapters.base import Task
from matrix.json_access import mapping, sequence

Entry = Mapping[str, Any]
"""A server as the task names it: how it is started, or where it is reached."""
HTTP_TIMEOUT = httpx2.Timeout(30, read=300)
MODEL_RETRIES = 2
"""How often a model that is busy or fails is asked again: as often as the providers' SDKs do."""
OWN_TOOL: Mapping[str, Any] = {
    "name": "own_tool",
    "description": "The control's own tool.",
    "parameters": {"type": "object", "properties": {}},
}
OWN_ANSWER = "own answer"


async def control(task: Task) -> str:
    """Answer a task with nothing but the SDK; this is what the row `control` names."""
    return await Control.answer(task)


@dataclass(frozen=True)
class Connection:
    """A server that a run is connected to: its name and entry in the task, and the SDK's client."""

    name: str
    entry: Entry
    client: Client


class Control:
    """One run of the control; each step is a method, so that an agent which differs in one step can derive from it."""

    patience: ClassVar[float | None] = 30.0
    """Seconds to wait for a server's answer."""
    mode: ClassVar[str] = "auto"
    """How the SDK's client negotiates the revision."""

    def __init__(self, task: Task, stack: AsyncExitStack) -> None:
        self.task = task
        self.stack = stack
        self.tools: dict[str, tuple[Connection, types.Tool]] = {}

    @classmethod
    async def answer(cls, task: Task) -> str:
        """Answer a task."""
        async with AsyncExitStack() as stack:
            return await cls(task, stack).run()

    async def run(self) -> str:
        """Connect to every server, take its tools, and talk to the model."""
        for name, entry in self.task.mcp_servers.items():
            server = await self.connect(name, entry)
            if server is not None:
                for tool in await self.list_tools(server):
                    self.tools[self.name(server, tool)] = (server, tool)
        return await self.converse()

    async def connect(self, name: str, entry: Entry) -> Connection | None:
        """Connect to a server; a dead one is left out."""
        alone = AsyncExitStack()
        try:
            client = await self.open(entry, alone)
        except Exception:  # noqa: BLE001  (whatever a dead server does, the others have to work)
            await alone.aclose()
            return None
        self.stack.push_async_exit(alone)
        return Connection(name, entry, client)

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        """Open a connection that the stack will close."""
        if "command" in entry:
            client = self.client(StdioServerParameters.model_validate(entry))
        elif entry["type"] == "sse":
            client = self.client(sse_client(entry["url"], headers=entry.get("headers"), httpx_client_factory=self.http))
        else:
            http = await stack.enter_async_context(self.http(entry.get("headers")))
            client = self.client(streamable_http_client(entry["url"], http_client=http))
        return await stack.enter_async_context(client)

    def http(
        self,
        headers: Mapping[str, str] | None = None,
        timeout: httpx2.Timeout | None = HTTP_TIMEOUT,
        auth: httpx2.Auth | None = None,
        **more: Any,
    ) -> httpx2.AsyncClient:
        """Make the HTTP client of a connection."""
        return httpx2.AsyncClient(
            headers=headers, timeout=timeout, auth=auth, verify=_trust(), follow_redirects=True, **more
        )

    def client(self, transport: Any) -> Client:
        """Make the SDK's client."""
        return Client(transport, read_timeout_seconds=self.patience, mode=self.mode)

    async def list_tools(self, server: Connection) -> list[types.Tool]:
        """Return the tools of a server, of all its pages; a cursor that comes again ends them."""
        page = await server.client.list_tools()
        tools, seen = list(page.tools), set[str]()
        while page.next_cursor is not None and page.next_cursor not in seen:
            seen.add(page.next_cursor)
            page = await server.client.list_tools(cursor=page.next_cursor)
            tools += page.tools
        return tools

    def name(self, server: Connection, tool: types.Tool) -> str:
        """Return a name that the provider takes and that no other tool has."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.name}__{tool.name}")
        return plain if len(plain) <= 64 and plain not in self.tools else f"{plain[:58]}_{len(self.tools)}"

    def offer(self) -> list[Mapping[str, Any]]:
        """Return the functions that the model is offered: the control's own, and the tools of the servers."""
        return [OWN_TOOL, *(self.function(name, tool) for name, (_, tool) in self.tools.items())]

    def function(self, name: str, tool: types.Tool) -> Mapping[str, Any]:
        """Return a tool as OpenAI's chat completions take it."""
        return {
            "name": name,
            "description": tool.description or "",
            "parameters": self.schema(tool.input_schema),
        }

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema as OpenAI insists on it: an object has properties, an array says what its items are."""
        return {"properties": {}, **rewritten(schema, _with_items)}

    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        """Make the calls of one turn at the same time, and return what the model is shown for each."""
        return list(await asyncio.gather(*(self.one(name, arguments) for name, arguments in calls)))

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        """Make one call and return what the model is shown; an error is told, not raised."""
        if name == OWN_TOOL["name"]:
            return OWN_ANSWER
        if name not in self.tools:
            return f"error: there is no tool {name!r}"
        server, tool = self.tools[name]
        try:
            return self.show(await self.call(server, tool, arguments))
        except Exception as problem:  # noqa: BLE001  (an error goes to the model; the run goes on)
            return self.failed(problem)

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        """Make one call on a server."""
        return await server.client.call_tool(tool.name, arguments)

    def failed(self, problem: Exception) -> str:
        """Return what the model is shown of a call that raised."""
        return f"error: {problem}"

    def show(self, result: types.CallToolResult) -> str:
        """Return what the model is shown of a result."""
        text = "\n".join(_text(block) for block in result.content)
        if not result.content and result.structured_content is not None:
            text = json.dumps(result.structured_content)
        return f"error: {text}" if result.is_error else text

    async def converse(self) -> str:
        """Put the task to the model, and return its answer."""
        messages: list[Any] = [*(self.task.history or []), {"role": "user", "content": self.task.prompt}]
        async with self.http(timeout=None) as http:  # a turn may be held back for long
            return await self.until_text(http, messages)

    async def until_text(self, http: httpx2.AsyncClient, messages: list[Any]) -> str:
        """Let the model go on with a conversation, and make its calls, until it answers with text."""
        while True:
            message = await self.ask_model(http, messages)
            messages.append(message)
            calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or []
            if not calls:
                return str(message["content"])
            functions = [each["function"] for each in calls]
            shown = await self.together([(each["name"], json.loads(each["arguments"])) for each in functions])
            messages += [
                {"role": "tool", "tool_call_id": each["id"], "content": text}
                for each, text in zip(calls, shown, strict=True)
            ]

    async def ask_model(self, http: httpx2.AsyncClient, messages: Sequence[Any]) -> Mapping[str, Any]:
        """Ask the model for its next message; one that is busy or fails is asked again."""
        tools = [{"type": "function", "function": each} for each in self.offer()]
        body = {"model": self.task.model.name, "messages": messages, **({"tools": tools} if tools else {})}
        url = f"{self.task.model.base_url}/chat/completions"
        response = await http.post(url, json=body)
        for _ in range(MODEL_RETRIES):
            if response.status_code != 429 and response.status_code < 500:
                break
            response = await http.post(url, json=body)
        return response.raise_for_status().json()["choices"][0]["message"]


def rewritten(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a schema with every object in it changed, the inner ones first."""
    if isinstance(schema, Mapping):
        return change({key: rewritten(each, change) for key, each in mapping(cast("object", schema)).items()})
    if isinstance(schema, list):
        return [rewritten(each, change) for each in sequence(cast("object", schema))]
    return schema


def _with_items(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "items": {}} if schema.get("type") == "array" and "items" not in schema else schema


def _text(block: types.ContentBlock) -> str:
    return block.text if isinstance(block, types.TextContent) else block.model_dump_json(by_alias=True)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return one TLS context for all clients: making it costs more than a call over it."""
    return ssl.create_default_context()
