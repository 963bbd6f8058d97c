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
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from matrix.adapters.base import Task
from matrix.json_access import mapping, sequence

READ_TIMEOUT_SECONDS = 30.0
OWN_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "own_tool",
        "description": "The control's own tool.",
        "parameters": {"type": "object", "properties": {}},
    },
}


async def control(task: Task) -> str:
    """Answer a task with nothing but the SDK."""
    async with AsyncExitStack() as stack:
        desk = Desk()
        for name, entry in task.mcp_servers.items():
            client = await _connected(stack, entry)
            if client is not None:
                await desk.take(name, client)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=None, verify=_trust()))
        return await _converse(http, task, desk)


async def _connected(stack: AsyncExitStack, entry: Mapping[str, Any]) -> Client | None:
    """Connect to a server; a dead one is left out."""
    alone = AsyncExitStack()
    try:
        client = await alone.enter_async_context(await _client(alone, entry))
    except Exception:  # noqa: BLE001  (whatever a dead server does, the others have to work)
        await alone.aclose()
        return None
    stack.push_async_exit(alone)
    return client


async def _client(stack: AsyncExitStack, entry: Mapping[str, Any]) -> Client:
    timeout = READ_TIMEOUT_SECONDS
    if "command" in entry:
        parameters = StdioServerParameters(
            command=entry["command"], args=entry.get("args", []), env=entry.get("env"), cwd=entry.get("cwd")
        )
        return Client(parameters, read_timeout_seconds=timeout)
    headers = entry.get("headers")
    if entry["type"] == "sse":
        return Client(sse_client(entry["url"], headers=headers), read_timeout_seconds=timeout)
    http = await stack.enter_async_context(
        httpx2.AsyncClient(
            headers=headers, verify=_trust(), timeout=httpx2.Timeout(30, read=300), follow_redirects=True
        )
    )
    return Client(streamable_http_client(entry["url"], http_client=http), read_timeout_seconds=timeout)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return one TLS context for all clients: making it costs more than a call over it."""
    return ssl.create_default_context()


class Desk:
    """The tools of all servers under names that a provider accepts, and the calls of them."""

    def __init__(self) -> None:
        self._tools: dict[str, tuple[Client, types.Tool]] = {}

    async def take(self, server: str, client: Client) -> None:
        """Take the tools of a server, page by page."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools:
                self._tools[self._name(server, tool.name)] = (client, tool)
            cursor = page.next_cursor
            if cursor is None or cursor in seen:
                return
            seen.add(cursor)

    def _name(self, server: str, tool: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server}__{tool}")
        return plain if len(plain) <= 64 and plain not in self._tools else f"{plain[:58]}_{len(self._tools)}"

    def offered(self) -> list[Mapping[str, Any]]:
        """Return the tools as OpenAI's chat completions take them."""
        return [OWN_TOOL, *(_function(name, tool) for name, (_, tool) in self._tools.items())]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Make a call; an error is told, not raised."""
        if name == "own_tool":
            return "own answer"
        if name not in self._tools:
            return f"error: there is no tool {name!r}"
        client, tool = self._tools[name]
        try:
            result = await client.call_tool(tool.name, dict(arguments))
        except Exception as problem:  # noqa: BLE001  (an error goes to the model; the run goes on)
            return f"error: {problem}"
        text = "\n".join(_text(block) for block in result.content)
        return f"error: {text}" if result.is_error else text


async def _converse(http: httpx2.AsyncClient, task: Task, desk: Desk) -> str:
    messages: list[Any] = [*(task.history or []), {"role": "user", "content": task.prompt}]
    while True:
        body = {"model": task.model.name, "messages": messages, "tools": desk.offered()}
        response = await http.post(f"{task.model.base_url}/chat/completions", json=body)
        message = response.raise_for_status().json()["choices"][0]["message"]
        messages.append(message)
        calls: Sequence[Mapping[str, Any]] = message.get("tool_calls") or []
        if not calls:
            return str(message["content"])
        results = await asyncio.gather(
            *(desk.call(each["function"]["name"], json.loads(each["function"]["arguments"])) for each in calls)
        )
        messages += [
            {"role": "tool", "tool_call_id": each["id"], "content": result}
            for each, result in zip(calls, results, strict=True)
        ]


def _function(name: str, tool: types.Tool) -> Mapping[str, Any]:
    parameters = _with_items({"properties": {}, **tool.input_schema})
    return {
        "type": "function",
        "function": {"name": name, "description": tool.description or "", "parameters": parameters},
    }


def _with_items(schema: Any) -> Any:
    """Say of every array that its items may be anything, where the server said nothing: OpenAI insists."""
    if isinstance(schema, list):
        return [_with_items(each) for each in sequence(cast("object", schema))]
    if not isinstance(schema, Mapping):
        return schema
    filled = {key: _with_items(each) for key, each in mapping(cast("object", schema)).items()}
    return {**filled, "items": {}} if filled.get("type") == "array" and "items" not in filled else filled


def _text(block: types.ContentBlock) -> str:
    return block.text if isinstance(block, types.TextContent) else block.model_dump_json(by_alias=True)
