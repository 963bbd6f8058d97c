"""What the lab does with one bridge's connection, by what stands behind it; stubs have a module of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Protocol

from matrix.lab.records import Direction, ProcessEventKind
from matrix.lab.servers import bridge
from matrix.lab.servers.attachment import Attachment, DeadStub, RelayedServer, WatchedServer
from matrix.lab.servers.json_rpc import read_json


class BridgeSession(Protocol):
    """A session with one bridge, from its hello to its end."""

    async def run(self) -> None:
        """Go on until the bridge or the server ends."""
        ...


class BridgeLink:
    """The lab's end of one bridge's connection, and the exit code that it ended with (`""`: not known)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.exit_code = ""

    async def read(self) -> tuple[bytes, bytes] | None:
        """Return what the next line is, and the line; None at the end."""
        line = await self._reader.readline()
        return (line[:1], line[1:]) if line else None

    def tell(self, kind: bytes, line: bytes) -> None:
        """Send a line that ends with its newline, without waiting for the bridge to take it."""
        self._writer.write(kind + line)

    async def send(self, kind: bytes, line: bytes) -> None:
        """Send a line, and wait until the bridge keeps up; one that has gone away is found out by reading."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(kind + line + b"\n")
            await self._writer.drain()

    async def exit(self, code: int) -> None:
        """Have the bridge exit, and wait for it: only then is the process that the agent started gone."""
        self.exit_code = str(code)
        with contextlib.suppress(ConnectionError):
            await self.send(bridge.EXIT, str(code).encode())
            while await self._reader.readline():
                pass


def tell_stderr(attachment: Attachment, name: str, link: BridgeLink, text: str) -> None:
    """Record what a stub writes on stderr, and have the bridge write it."""
    attachment.process(name, ProcessEventKind.STDERR, detail=text.rstrip()[:2000])
    for line in text.removesuffix("\n").split("\n"):
        link.tell(bridge.TO_STDERR, line.encode(errors="replace") + b"\n")


class DeadSession:
    """A stub that died when it was made dies again, for each that starts it."""

    def __init__(self, stub: DeadStub, name: str, link: BridgeLink) -> None:
        self._stub = stub
        self._name = name
        self._link = link

    async def run(self) -> None:
        """Say its last words, and exit."""
        tell_stderr(self._stub, self._name, self._link, self._stub.last_words)
        await self._link.exit(self._stub.exit_code)


class WatchedSession:
    """Records what passes between an agent and a real server that is the bridge's own child."""

    def __init__(self, server: WatchedServer, name: str, link: BridgeLink) -> None:
        self._server = server
        self._name = name
        self._link = link

    async def run(self) -> None:
        """Record until the bridge ends."""
        server, name = self._server, self._name
        while (read := await self._link.read()) is not None:
            match read:
                case bridge.FROM_CLIENT, line:
                    server.record_line(name, Direction.IN, line)
                case bridge.FROM_SERVER, line:
                    server.record_line(name, Direction.OUT, line)
                case bridge.FROM_STDERR, line:
                    server.process(name, ProcessEventKind.STDERR, detail=_text(line))
                case bridge.EXITED, line:
                    self._link.exit_code = line.decode().strip()
                case _:
                    pass


class RelayedSession:
    """Stands between an agent and a private server; never waits for either to read, so they cannot lock each other."""

    def __init__(self, server: RelayedServer, name: str, link: BridgeLink) -> None:
        self._server = server
        self._name = name
        self._link = link
        self._has_answered = False
        self._is_closed = False
        self._last_words = ""

    async def run(self) -> None:
        """Have the bridge start the server, and pass lines on until it ends."""
        server = self._server.start
        start = {"argv": server.argv, "env": dict(server.env), "cwd": str(server.cwd)}
        self._link.tell(bridge.START, json.dumps(start).encode() + b"\n")
        while (read := await self._link.read()) is not None:
            match read:
                case bridge.FROM_CLIENT, line:
                    self._inward(line)
                case bridge.CLIENT_CLOSED, _:
                    self._is_closed = True
                    self._link.tell(bridge.CLOSE_STDIN, b"\n")
                case bridge.FROM_SERVER, line:
                    self._has_answered = True
                    self._outward(line)
                case bridge.FROM_STDERR, line:
                    self._last_words = _text(line)
                    self._server.process(self._name, ProcessEventKind.STDERR, detail=self._last_words)
                    self._link.tell(bridge.TO_STDERR, line)
                case bridge.EXITED, line:
                    await self._ended(int(line))
                case _:
                    pass

    def _inward(self, line: bytes) -> None:
        """Pass on what the agent sends, or answer it ourselves where it calls a tool that it has not."""
        self._server.record_line(self._name, Direction.IN, line)
        tools = self._server.tools
        message = read_json(line)
        if tools is None or not tools.refuses(message):
            self._link.tell(bridge.TO_SERVER, line)
            return
        answer = tools.answer(message)
        if answer is not None:
            self._outward(json.dumps(answer).encode() + b"\n")

    def _outward(self, line: bytes) -> None:
        tools = self._server.tools
        admitted = line if tools is None else tools.admit_json(line).rstrip(b"\n") + b"\n"
        self._server.record_line(self._name, Direction.OUT, admitted)
        self._link.tell(bridge.TO_STDOUT, admitted)

    async def _ended(self, code: int) -> None:
        """End the bridge as a shell would tell of the server; one that ends unasked without a word is at fault."""
        if not self._has_answered and not self._is_closed:
            said = f": {self._last_words}" if self._last_words else ""
            self._server.server_fault(f"ended with exit code {code} before it said anything{said}")
        await self._link.exit(code if code >= 0 else 128 - code)
        self._link.exit_code = str(code)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip()
