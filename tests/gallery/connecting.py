"""Agents that connect to their servers in unusual ways: pooled, for each call, again and again, without an SDK."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, Self

import httpx2
import mcp_types as types
from fastmcp import Client as FastClient
from mcp.client.stdio import StdioServerParameters

from matrix.adapters.control import Connection, Entry
from tests.saboteurs.honest import Honest, key_of

REVISION = "2025-11-25"


class ForEachCall(Honest):
    """Connects again for each call."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        async with AsyncExitStack() as stack:
            client = await self.open(server.entry, stack)
            return await client.call_tool(tool.name, arguments)


class ListsAndCallsApart(Honest):
    """Lists the tools in one session, closes it, and opens another to call them."""

    async def connect(self, name: str, entry: Entry) -> Connection | None:
        async with AsyncExitStack() as stack:
            try:
                self.listed = await super().list_tools(Connection(name, entry, await self.open(entry, stack)))
            except Exception:  # noqa: BLE001  (a dead server is left out)
                return None
        return await super().connect(name, entry)

    async def list_tools(self, server: Connection) -> list[types.Tool]:
        return self.listed


class AllAtOnce(Honest):
    """Connects to all servers at the same time, each in a task that holds the connection."""

    async def run(self) -> str:
        self.over = asyncio.Event()
        opened = [asyncio.get_running_loop().create_future() for _ in self.task.mcp_servers]
        holding = [
            asyncio.create_task(self.hold(name, entry, done))
            for (name, entry), done in zip(self.task.mcp_servers.items(), opened, strict=True)
        ]
        try:
            for server in await asyncio.gather(*opened):
                for tool in [] if server is None else await self.list_tools(server):
                    self.tools[self.name(server, tool)] = (server, tool)
            return await self.converse()
        finally:
            self.over.set()
            await asyncio.gather(*holding)

    async def hold(self, name: str, entry: Entry, done: asyncio.Future[Any]) -> None:
        async with AsyncExitStack() as self_stack:
            try:
                client = await self.open(entry, self_stack)
            except Exception:  # noqa: BLE001  (a dead server is left out)
                done.set_result(None)
                return
            done.set_result(Connection(name, entry, client))
            await self.over.wait()


class Lister(Honest):
    """Lists the tools again before each turn."""

    async def ask_model(self, http: httpx2.AsyncClient, messages: Any) -> Mapping[str, Any]:
        for server in {id(server): server for server, _ in self.tools.values()}.values():
            await self.list_tools(server)
        return await super().ask_model(http, messages)


class Pool:
    """Keeps one connection to each server over all runs, in a task that ends with `aclose()`."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.opened: dict[str, asyncio.Future[Any]] = {}
        self.holding: list[asyncio.Task[None]] = []

    async def __call__(self, task: Any) -> str:
        async with AsyncExitStack() as stack:
            return await Pooled(task, stack, self).run()

    async def client(self, run: Honest, entry: Entry) -> Any:
        key = key_of(entry)
        if key not in self.opened:
            self.opened[key] = asyncio.get_running_loop().create_future()
            self.holding.append(asyncio.create_task(self.hold(run, entry, self.opened[key])))
        return await asyncio.shield(self.opened[key])

    async def hold(self, run: Honest, entry: Entry, done: asyncio.Future[Any]) -> None:
        async with AsyncExitStack() as stack:
            try:
                done.set_result(await run.open(entry, stack))
            except Exception as problem:  # noqa: BLE001  (raised where it is waited for)
                done.set_exception(problem)
                return
            await self.over.wait()

    async def aclose(self) -> None:
        self.over.set()
        await asyncio.gather(*self.holding)


class Pooled(Honest):
    def __init__(self, task: Any, stack: AsyncExitStack, pool: Pool) -> None:
        super().__init__(task, stack)
        self.pool = pool

    async def connect(self, name: str, entry: Entry) -> Connection | None:
        try:
            return Connection(name, entry, await self.pool.client(self, entry))
        except Exception:  # noqa: BLE001  (a dead server is left out)
            return None


class Fast(Honest):
    """Connects by fastmcp's client."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Any:
        client = await stack.enter_async_context(
            FastClient({"mcpServers": {"one": dict(entry)}}, timeout=self.patience)
        )
        return FastSession(client)


class FastSession:
    """Makes fastmcp's client look like the SDK's."""

    def __init__(self, client: FastClient[Any]) -> None:
        self.fast = client

    async def list_tools(self) -> Any:
        return SimpleNamespace(tools=await self.fast.list_tools(), next_cursor=None)

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        return await self.fast.call_tool_mcp(name, arguments)


class Raw(Honest):
    """Speaks JSON-RPC itself."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Any:
        session = StdioSession(entry) if "command" in entry else HttpSession(entry)
        return await stack.enter_async_context(session)


class Session:
    """What there is to say in JSON-RPC, however it is sent."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.numbers = itertools.count(1)

    async def post(self, message: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    async def request(self, method: str, **params: Any) -> dict[str, Any]:
        answer = await self.post({"jsonrpc": "2.0", "id": next(self.numbers), "method": method, "params": params})
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    async def begin(self) -> None:
        info = {"name": "raw", "version": "1"}
        agreed = await self.request("initialize", protocolVersion=REVISION, capabilities={}, clientInfo=info)
        self.revision = agreed["protocolVersion"]
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def list_tools(self, cursor: str | None = None) -> types.ListToolsResult:
        found = await self.request("tools/list", **({} if cursor is None else {"cursor": cursor}))
        return types.ListToolsResult.model_validate(found)

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        async with asyncio.timeout(Honest.patience_with_a_call):
            found = await self.request("tools/call", name=name, arguments=arguments)
        return types.CallToolResult.model_validate(found)


class HttpSession(Session):
    async def __aenter__(self) -> Self:
        self.http = httpx2.AsyncClient(timeout=60)
        self.heads = {**self.entry.get("headers", {}), "Accept": "application/json, text/event-stream"}
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        if "Mcp-Session-Id" in self.heads:
            await self.http.delete(self.entry["url"], headers=self.heads)
        await self.http.aclose()

    async def post(self, message: dict[str, Any]) -> dict[str, Any]:
        response = await self.http.post(self.entry["url"], json=message, headers=self.heads)
        response.raise_for_status()
        if "mcp-session-id" in response.headers:
            self.heads["Mcp-Session-Id"] = response.headers["mcp-session-id"]
        if message["method"] == "initialize":
            self.heads["MCP-Protocol-Version"] = REVISION
        if "id" not in message:
            return {}
        if not response.headers["content-type"].startswith("text/event-stream"):
            return response.json()
        lines = [each.removeprefix("data:").strip() for each in response.text.splitlines() if each.startswith("data:")]
        return next(each for each in map(json.loads, filter(None, lines)) if each.get("id") == message["id"])


class StdioSession(Session):
    async def __aenter__(self) -> Self:
        spec = StdioServerParameters.model_validate(self.entry)
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            spec.command, *spec.args, env=spec.env, cwd=spec.cwd, stdin=pipe, stdout=pipe, limit=2**24
        )
        self.waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.reading = asyncio.create_task(self.read())
        await self.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.process.stdin.close()
        await self.process.wait()
        await self.reading

    async def read(self) -> None:
        async for line in self.process.stdout:
            message = json.loads(line)
            if "method" not in message and message["id"] in self.waiting:
                self.waiting.pop(message["id"]).set_result(message)
        for each in self.waiting.values():
            each.set_exception(ConnectionError("the server has ended"))

    async def post(self, message: dict[str, Any]) -> dict[str, Any]:
        done: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if "id" in message:
            self.waiting[message["id"]] = done
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()
        return await done if "id" in message else {}
