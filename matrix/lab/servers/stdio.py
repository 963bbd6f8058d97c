"""The lab's stdio end: stubs live here, and the process that an agent starts is only a pump.

Each pump connects to one Unix socket and says which attachment it belongs to. A stub is then served by the SDK
over the pump's lines; a real server's lines are only recorded, since the pump itself runs it. Of a private server the
agent knows nothing: the lab tells the pump what to start, and passes every line on, or answers it itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from matrix.json_access import mapping
from matrix.lab.servers import bridge as pump
from matrix.lab.servers.attachment import SERVER_FAULT, Attachment, LineWriter
from matrix.lab.servers.recorder import read_json

_LINE_LIMIT = 256 * 1024 * 1024
_LOG = logging.getLogger(__name__)


def pump_argv(socket: Path, attachment: Attachment) -> list[str]:
    """Return the command line that an agent starts as its stdio server."""
    argv = [sys.executable, "-I", "-S", "-E", str(Path(pump.__file__)), str(socket), attachment.key]
    return [*argv, "--", *attachment.argv] if attachment.argv and not attachment.private else argv


class StdioEnd:
    """Accepts pumps on a Unix socket and serves or records them."""

    def __init__(self, socket: Path, attachments: Mapping[str, Attachment]) -> None:
        self._socket = socket
        self._attachments = attachments
        self._server: asyncio.Server | None = None
        self._count = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, str(self._socket), limit=_LINE_LIMIT)

    async def stop(self) -> None:
        """Stop listening; the pumps that are still connected end by themselves when the lab's loop does."""
        if self._server is not None:
            self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = mapping(json.loads((await reader.readline())[1:]))
            attachment = self._attachments.get(str(hello.get("key")))
            if attachment is None:
                writer.write(b"2this cell has ended\nx4\n")
                return
            self._count += 1
            session = attachment.session(f"pump-{self._count}")
            attachment.process(session, "started", pid=hello.get("pid"), detail=json.dumps(_public(hello)))
            attachment.hangups.append(writer.close)
            attachment.pumps += [task for task in (asyncio.current_task(),) if task is not None]
            pumped = Pumped(attachment, session, reader, writer)
            try:
                if attachment.argv:
                    await (pumped.relay() if attachment.private else pumped.watch())
                else:
                    await pumped.serve()
            finally:
                attachment.process(session, "ended", pid=hello.get("pid"), detail=pumped.exit_code)
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            _LOG.debug("a pump went away", exc_info=True)
        finally:
            writer.close()


def _public(hello: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"cwd": hello.get("cwd"), "env": hello.get("env")}


class Pumped:
    """One pump's connection."""

    def __init__(
        self,
        attachment: Attachment,
        session: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._attachment = attachment
        self._session = session
        self._reader = reader
        self._writer = writer
        self.exit_code = ""

    async def watch(self) -> None:
        """Record what passes between an agent and a real server."""
        directions = {b"i": "in", b"o": "out"}
        while line := await self._reader.readline():
            kind, rest = line[:1], line[1:]
            if kind in directions:
                self._attachment.record_line(self._session, directions[kind], rest)
            elif kind == b"e":
                self._attachment.process(self._session, "stderr", detail=rest.decode("utf-8", "replace").rstrip())
            elif kind == b"z":
                self.exit_code = rest.decode().strip()

    async def relay(self) -> None:
        """Stand between an agent and a real server; never waits for either to read, so they cannot lock each other."""
        attachment = self._attachment
        start = {"argv": attachment.argv, "env": dict(attachment.env), "cwd": attachment.cwd}
        self._tell(b"r", json.dumps(start).encode() + b"\n")
        answered, closed, words = False, False, ""
        while line := await self._reader.readline():
            kind, rest = line[:1], line[1:]
            if kind == b"i":
                self._relay_inward(rest)
            elif kind == b"c":
                closed = True
                self._tell(b"q", b"\n")
            elif kind == b"o":
                answered = True
                self._relay_outward(rest)
            elif kind == b"e":
                words = rest.decode("utf-8", "replace").rstrip()
                attachment.process(self._session, "stderr", detail=words)
                self._tell(b"2", rest)
            elif kind == b"z":
                code = int(rest)
                if not answered and not closed:
                    said = f": {words}" if words else ""
                    attachment.trace.notes.append(
                        f"{SERVER_FAULT} {attachment.server} ended with exit code {code} before it said anything{said}"
                    )
                await self._exit(code if code >= 0 else 128 - code)
                self.exit_code = str(code)

    def _relay_inward(self, line: bytes) -> None:
        """Pass on what the agent sends, or answer it ourselves where it calls a tool that it has not."""
        self._attachment.record_line(self._session, "in", line)
        tools = self._attachment.tools
        message = read_json(line)
        if tools is None or not tools.refuses(message):
            self._tell(b"s", line)
            return
        answer = tools.answer(message)
        if answer is not None:
            self._relay_outward(json.dumps(answer).encode() + b"\n")

    def _relay_outward(self, line: bytes) -> None:
        tools = self._attachment.tools
        admitted = line if tools is None else tools.admit_json(line).rstrip(b"\n") + b"\n"
        self._attachment.record_line(self._session, "out", admitted)
        self._tell(b"1", admitted)

    def _tell(self, kind: bytes, line: bytes) -> None:
        self._writer.write(kind + line)

    async def serve(self) -> None:
        """Serve the stub to this pump until the client or the stub ends."""
        attachment = self._attachment
        if attachment.sdk is None:
            self._stderr(attachment.last_words)
            await self._exit(attachment.death or 1)
            return
        if attachment.stub is not None:
            attachment.stub.stderr.set(LineWriter(self._stderr))
        inward, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](64)
        write_stream, outward = anyio.create_memory_object_stream[SessionMessage](64)
        code = 0
        try:
            async with inward, read_stream, write_stream, outward, anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, inward)
                tasks.start_soon(self._write, outward)
                await attachment.sdk.run(read_stream, write_stream, attachment.sdk.create_initialization_options())
                tasks.cancel_scope.cancel()
        except asyncio.CancelledError:
            raise
        except BaseException as problem:  # noqa: BLE001  (whatever ends a stub, its pump has to end too)
            code = attachment.ended_by(problem)
        await self._exit(code)

    async def _read(self, inward: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        async with inward:
            while line := await self._reader.readline():
                if line[:1] == b"c":
                    return
                await self._take(line[1:], inward)

    async def _take(self, line: bytes, inward: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        self._attachment.record_line(self._session, "in", line)
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError as problem:
            await inward.send(problem)
            return
        admission = self._attachment.admission
        raw = json.loads(line)
        answer = admission.answer(raw)
        if answer is None:
            admitted = admission.admit(raw)
            if admitted is not raw:
                message = types.jsonrpc_message_adapter.validate_python(admitted, by_name=False)
            await inward.send(SessionMessage(message))
        else:
            await self._send(json.dumps(answer).encode())

    async def _write(self, outward: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async with outward:
            async for sent in outward:
                await self._send(sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode())

    async def _send(self, line: bytes) -> None:
        self._attachment.record_line(self._session, "out", line)
        with contextlib.suppress(ConnectionError):
            self._writer.write(b"1" + line + b"\n")
            await self._writer.drain()

    def _stderr(self, text: str) -> None:
        self._attachment.process(self._session, "stderr", detail=text.rstrip()[:2000])
        for line in text.removesuffix("\n").split("\n"):
            self._writer.write(b"2" + line.encode(errors="replace") + b"\n")

    async def _exit(self, code: int) -> None:
        self.exit_code = str(code)
        with contextlib.suppress(ConnectionError):
            self._writer.write(f"x{code}\n".encode())
            await self._writer.drain()
            # Only when the pump has closed its end is the process that the agent started gone.
            while await self._reader.readline():
                pass
