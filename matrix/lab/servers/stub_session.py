"""A stub, served to one bridge by the SDK."""

from __future__ import annotations

import asyncio
import json

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from matrix.lab.records import Direction
from matrix.lab.servers import bridge
from matrix.lab.servers.attachment import ResidentStub
from matrix.lab.servers.bridge_sessions import BridgeLink, tell_stderr
from matrix.lab.servers.line_writer import LineWriter


class StubSession:
    """One bridge's session with a resident stub."""

    def __init__(self, stub: ResidentStub, name: str, link: BridgeLink) -> None:
        self._stub = stub
        self._name = name
        self._link = link

    async def run(self) -> None:
        """Serve until the client or the stub ends."""
        stub = self._stub
        stub.stub.stderr.set(LineWriter(self._stderr))
        inward, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](64)
        write_stream, outward = anyio.create_memory_object_stream[SessionMessage](64)
        code = 0
        try:
            async with inward, read_stream, write_stream, outward, anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, inward)
                tasks.start_soon(self._write, outward)
                await stub.sdk.run(read_stream, write_stream, stub.sdk.create_initialization_options())
                tasks.cancel_scope.cancel()
        except asyncio.CancelledError:
            raise
        except BaseException as problem:  # noqa: BLE001  (whatever ends a stub, its bridge has to end too)
            code = stub.ended_by(problem)
        await self._link.exit(code)

    async def _read(self, inward: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        async with inward:
            while (read := await self._link.read()) is not None:
                kind, line = read
                if kind == bridge.CLIENT_CLOSED:
                    return
                await self._take(line, inward)

    async def _take(self, line: bytes, inward: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        self._stub.record_line(self._name, Direction.IN, line)
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError as problem:
            await inward.send(problem)
            return
        gate = self._stub.gate
        raw = json.loads(line)
        answer = gate.answer(raw)
        if answer is None:
            admitted = gate.admit(raw)
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
        self._stub.record_line(self._name, Direction.OUT, line)
        await self._link.send(bridge.TO_STDOUT, line)

    def _stderr(self, text: str) -> None:
        tell_stderr(self._stub, self._name, self._link, text)
