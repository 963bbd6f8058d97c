"""An honest agent on the official SDK's client; every step of it may be overridden, and a saboteur overrides one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from matrix.adapters.base import Task

Entry = Mapping[str, Any]
OWN_TOOL: Mapping[str, Any] = {
    "name": "own_tool",
    "description": "The agent's own tool.",
    "parameters": {"type": "object", "properties": {}},
}
OWN_ANSWER = "own answer"


@dataclass(frozen=True)
class Server:
    """A server that the agent is connected to: its name, its entry in the task, and the connection."""

    name: str
    entry: Entry
    client: Client

    @property
    def key(self) -> str:
        """What tells this server from every other one, whichever run is on it."""
        return key_of(self.entry)


class Honest:
    """One run of an honest agent."""

    patience: float | None = 8.0
    """Seconds to wait for a server's answer."""
    mode: str = "auto"
    """How the SDK's client negotiates the revision."""

    def __init__(self, task: Task, stack: AsyncExitStack) -> None:
        self.task = task
        self.stack = stack
        self.tools: dict[str, tuple[Server, types.Tool]] = {}

    @classmethod
    async def answer(cls, task: Task) -> str:
        """Answer a task; the agent that is registered."""
        async with AsyncExitStack() as stack:
            return await cls(task, stack).run()

    async def run(self) -> str:
        """Connect to every server, take its tools, and talk to the model."""
        for name, entry in self.task.mcp_servers.items():
            server = await self.connect(name, entry)
            for tool in [] if server is None else await self.list(server):
                self.tools[self.name(server, tool)] = (server, tool)
        return await self.converse()

    async def connect(self, name: str, entry: Entry) -> Server | None:
        """Connect to a server; a dead one is left out."""
        alone = AsyncExitStack()
        try:
            client = await self.open(entry, alone)
        except Exception:  # noqa: BLE001  (whatever a dead server does, the others have to work)
            await alone.aclose()
            return None
        self.stack.push_async_exit(alone)
        return Server(name, entry, client)

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        """Open a connection that the stack will close."""
        if "command" in entry:
            return await stack.enter_async_context(self.client(StdioServerParameters(**entry)))
        headers = dict(entry.get("headers", {}))
        if entry["type"] == "sse":
            return await stack.enter_async_context(
                self.client(sse_client(entry["url"], headers, httpx_client_factory=self.http))
            )
        http = await stack.enter_async_context(self.http(headers))
        return await stack.enter_async_context(self.client(streamable_http_client(entry["url"], http_client=http)))

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        """Make the HTTP client of a connection; on loopback there is no certificate to verify."""
        return httpx2.AsyncClient(headers=headers, verify=False, **{"timeout": 60, **more})

    def client(self, transport: Any) -> Client:
        """Make the SDK's client."""
        return Client(transport, read_timeout_seconds=self.patience, mode=self.mode)

    async def list(self, server: Server) -> list[types.Tool]:
        """Return the tools of a server, of all its pages."""
        page = await server.client.list_tools()
        tools = list(page.tools)
        while page.next_cursor is not None:
            page = await server.client.list_tools(cursor=page.next_cursor)
            tools += page.tools
        return tools

    def name(self, server: Server, tool: types.Tool) -> str:
        """Return a name that the provider takes and that no other tool has."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.name}__{tool.name}")
        return plain if len(plain) <= 64 else f"{plain[:58]}_{len(self.tools)}"

    def offer(self) -> list[Mapping[str, Any]]:
        """Return what the model is offered: the agent's own tool, and those of the servers."""
        return [OWN_TOOL, *(self.function(name, tool) for name, (_, tool) in self.tools.items())]

    def function(self, name: str, tool: types.Tool) -> dict[str, Any]:
        """Return a tool as the model is offered it."""
        return {"name": name, "description": tool.description, "parameters": self.schema(tool.input_schema)}

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema as the provider takes it: an object has properties, an array says what its items are."""
        return {"properties": {}, **mapped(schema, _with_items)}

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
        except Exception as problem:  # noqa: BLE001  (whatever a call does, the run goes on)
            return self.failed(problem)

    async def call(self, server: Server, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        """Make one call on a server."""
        return await server.client.call_tool(tool.name, arguments)

    def failed(self, problem: Exception) -> str:
        """Return what the model is shown of a call that raised."""
        return f"error: {problem}"

    def show(self, result: types.CallToolResult) -> str:
        """Return what the model is shown of a result."""
        text = "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
        return f"error: {text}" if result.is_error else text

    async def converse(self) -> str:
        """Talk to the model until it answers with text."""
        messages: list[Any] = [{"role": "user", "content": self.task.prompt}]
        async with httpx2.AsyncClient(verify=False, timeout=None) as http:  # a turn may be held back for long
            while True:
                message = await self._asked(http, messages)
                messages.append(message)
                if not message.get("tool_calls"):
                    return str(message["content"])
                functions = [each["function"] for each in message["tool_calls"]]
                calls = [(each["name"], json.loads(each["arguments"])) for each in functions]
                shown = await self.together(calls)
                messages += [
                    {"role": "tool", "tool_call_id": each["id"], "content": text}
                    for each, text in zip(message["tool_calls"], shown, strict=True)
                ]

    async def _asked(self, http: httpx2.AsyncClient, messages: list[Any]) -> dict[str, Any]:
        tools = [{"type": "function", "function": each} for each in self.offer()]
        body = {"model": self.task.model.name, "messages": messages, **({"tools": tools} if tools else {})}
        response = await http.post(f"{self.task.model.base_url}/chat/completions", json=body)
        return response.raise_for_status().json()["choices"][0]["message"]


def key_of(entry: Entry) -> str:
    """Return what tells one server entry from every other one of a process."""
    return entry["url"] if "url" in entry else json.dumps([entry["command"], *entry["args"]])


def mapped(schema: Any, change: Any) -> Any:
    """Return a schema with every object in it changed, the inner ones first."""
    if isinstance(schema, Mapping):
        return change({name: mapped(each, change) for name, each in schema.items()})
    return [mapped(each, change) for each in schema] if isinstance(schema, list) else schema


def _with_items(schema: dict[str, Any]) -> dict[str, Any]:
    return {"items": {}, **schema} if schema.get("type") == "array" else schema
