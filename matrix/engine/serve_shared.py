"""The process of the shared server; light to name, heavy to enter."""

from __future__ import annotations

import asyncio
import signal
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

from matrix.engine.channel import Channel


def serve(stub: str, scratch: Path | None, mark: str, end: socket.socket) -> None:
    """Serve one stub over streamable HTTP and say where; be told who will not come any more, and end with the line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(end, mark)
    if scratch is not None:
        tempfile.tempdir = str(scratch)
    from matrix.lab.lab import Lab  # noqa: PLC0415
    from matrix.lab.servers.spec import ServerSpec, StubServer  # noqa: PLC0415
    from matrix.lab.servers.stubs import load_stub  # noqa: PLC0415
    from matrix.lab.trace import Trace  # noqa: PLC0415
    from matrix.model import ANY_REVISION, Transport  # noqa: PLC0415

    found = load_stub(stub)
    room = found.new_room()

    async def opened(lab: Lab) -> str:
        servers = [ServerSpec(stub, StubServer(replace(found, new_room=lambda: room)))]
        entries = await lab.call(lab.open("shared", Trace(), servers, Transport.HTTP, ANY_REVISION))
        return str(entries[stub]["url"])

    async def excuse(caller: str) -> None:
        room.excuse(caller)

    with Lab() as lab:
        channel.send(asyncio.run(opened(lab)).encode())
        while not channel.has_ended:
            channel.wait()
            for caller in channel.received():
                asyncio.run(lab.call(excuse(caller.decode())))
