"""What the tests of the lab share: attached stubs, and the SDK's client with a tape of what passed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from matrix.lab.records import ProcessEventKind
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stubs import load_stub
from matrix.lab.trace import Trace
from matrix.model import REVISIONS, STATEFUL, STATELESS, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from matrix.lab.lab import Lab

HANG = 60
"""Seconds after which something that never happens is given up; nothing comes near."""

WAYS = [
    (transport, revision)
    for transport in Transport
    for revision in REVISIONS
    if transport is not Transport.SSE or revision != STATELESS
]
"""Every transport with every revision that it has."""


@dataclass
class Attached:
    """The servers of one cell, as the lab handed them out."""

    lab: Lab
    trace: Trace
    entries: Mapping[str, Any]

    def connect(self, name: str | None = None, **options: Any) -> Any:
        """Return a client of this server, or of the only one; not entered yet."""
        return connected(self.entries[name or next(iter(self.entries))], **options)

    async def ended(self) -> bool:
        """Whether every process of the cell ends; the lab may not have heard yet that there was one."""
        over_stdio = any("command" in each for each in self.entries.values())
        return await self.trace.until(
            lambda: not self.trace.open_sessions() and bool(self.trace.started() or not over_stdio), HANG
        )

    def happened(self, event: str, session: str | None = None) -> list[Any]:
        """Return what happened to processes, by kind."""
        events = self.trace.process_events(ProcessEventKind(event))
        return [each for each in events if session in {None, each.session}]


@asynccontextmanager
async def attached(
    lab: Lab, *stubs: str, transport: str = "stdio", revision: str = STATEFUL, key: str = "c0", **more: Any
) -> AsyncIterator[Attached]:
    """Attach stubs to a cell of this key; `name=stub` gives a stub a name that is not its own."""
    names = {**{stub: stub for stub in stubs}, **more}
    servers = [ServerSpec(name, StubServer(load_stub(stub))) for name, stub in names.items()]
    trace = Trace()
    entries = await lab.call(lab.open(key, trace, servers, Transport(transport), revision))
    try:
        yield Attached(lab, trace, entries)
    finally:
        await lab.call(lab.close(key))


@dataclass
class Tape:
    """What a client sent and received, as JSON-RPC."""

    sent: list[Any] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)


class Taped:
    """A stream of the SDK's transport, with what passes kept."""

    def __init__(self, stream: Any, kept: list[Any]) -> None:
        self._stream = stream
        self._kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _keep(self, item: Any) -> Any:
        dumped = item.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
        self._kept.append(dumped)
        return item

    async def send(self, item: Any) -> None:
        await self._stream.send(self._keep(item))

    async def receive(self) -> Any:
        return self._keep(await self._stream.receive())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._keep(await self._stream.__anext__())

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self._stream.__aexit__(*problem)


@asynccontextmanager
async def connected(
    entry: Mapping[str, Any], mode: str = "auto", tape: Tape | None = None, stderr: Path | None = None
) -> AsyncIterator[Client]:
    """Connect the SDK's client to an entry of `mcpServers`, as it stands there."""
    tape = tape or Tape()
    with (stderr or Path(os.devnull)).open("w") as errlog:

        @asynccontextmanager
        async def transport() -> AsyncIterator[Any]:
            async with _streams(entry, errlog) as (read, write, *_):
                yield Taped(read, tape.received), Taped(write, tape.sent)

        async with Client(transport(), mode=mode, read_timeout_seconds=HANG) as client:
            yield client


@asynccontextmanager
async def _streams(entry: Mapping[str, Any], errlog: Any) -> AsyncIterator[Any]:
    if "command" in entry:
        parameters = StdioServerParameters(
            command=entry["command"], args=entry["args"], env=entry["env"], cwd=entry["cwd"]
        )
        async with stdio_client(parameters, errlog=errlog) as streams:
            yield streams
    elif entry["type"] == "sse":
        async with sse_client(entry["url"], headers=entry.get("headers")) as streams:
            yield streams
    else:
        timeout = httpx2.Timeout(HANG)
        async with (
            httpx2.AsyncClient(headers=entry.get("headers"), timeout=timeout) as http,
            streamable_http_client(entry["url"], http_client=http) as streams,
        ):
            yield streams


def text_of(result: Any) -> str:
    """Return the texts of a result, joined."""
    return "".join(block.text for block in result.content if block.type == "text")


def alive(pid: int) -> bool:
    """Whether a process runs; one that is only waiting to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def python(code: str) -> list[str]:
    """Return a command line that runs this code."""
    return [sys.executable, "-I", "-c", code]


class Line:
    """A process that speaks lines of JSON: the stdio bridge, as the client that has started it sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def send(self, *messages: Any) -> None:
        """Write messages, or raw lines, to its stdin."""
        for each in messages:
            line = each if isinstance(each, bytes) else json.dumps(each).encode()
            self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def read(self) -> Any:
        """Return the next line of its stdout as JSON; None at its end."""
        line = await asyncio.wait_for(self.process.stdout.readline(), HANG)
        return json.loads(line) if line else None

    async def shake_hands(self) -> None:
        """Begin a session as a client of 2025-11-25."""
        await self.send(INITIALIZE)
        assert (await self.read())["id"] == INITIALIZE["id"]
        await self.send(INITIALIZED)

    async def end(self) -> tuple[int, bytes, bytes]:
        """Close its stdin; return its exit code and what was left to read of stdout and stderr."""
        out, err = await asyncio.wait_for(self.process.communicate(b""), HANG)
        return self.process.returncode, out, err

    async def gone(self) -> int:
        """Return the exit code of the process, which ends without our doing."""
        return await asyncio.wait_for(self.process.wait(), HANG)


@asynccontextmanager
async def started(*argv: str, **options: Any) -> AsyncIterator[Line]:
    """Start a command with pipes at all its ends."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, limit=2**24, **options)
    try:
        yield Line(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def bridging(entry: Mapping[str, Any]) -> AsyncIterator[Line]:
    """Start the bridge of a stdio entry."""
    async with started(entry["command"], *entry["args"], env=entry["env"], cwd=entry["cwd"]) as line:
        yield line


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": STATEFUL,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def tools_call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the request of a call."""
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


HTTP_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def open_session(http: httpx2.Client, url: str) -> dict[str, str]:
    """Begin a session over HTTP, blocking; return the headers that its requests need."""
    answer = http.post(url, json=INITIALIZE, headers=HTTP_HEADERS).raise_for_status()
    session = answer.headers["mcp-session-id"]
    headers = {**HTTP_HEADERS, "Mcp-Session-Id": session, "Mcp-Protocol-Version": STATEFUL}
    http.post(url, json=INITIALIZED, headers=headers).raise_for_status()
    return headers


def answer_in(response: httpx2.Response) -> Any:
    """Return the JSON-RPC answer in a response, streamed or not."""
    if response.headers["content-type"].startswith("application/json"):
        return response.json()
    data = [line[5:] for line in response.text.split("\n") if line.startswith("data:") and line[5:].strip()]
    return json.loads(data[-1])
