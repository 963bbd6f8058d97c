"""The process of the shared server; light to name, heavy to enter."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path


def serve(stub: str, scratch: Path | None, pipe: Connection) -> None:
    """Serve one stub over streamable HTTP and say where; be told who will not come any more, and end with the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
        pipe.send(asyncio.run(opened(lab)))
        with contextlib.suppress(EOFError, OSError):
            while True:
                asyncio.run(lab.call(excuse(pipe.recv())))
