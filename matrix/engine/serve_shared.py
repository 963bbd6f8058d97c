"""The process of the shared server; light to name, heavy to enter."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path


def serve(stub: str, scratch: Path, pipe: Connection) -> None:
    """Serve one stub over streamable HTTP, say where, and end when the pipe does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = str(scratch)
    from matrix.lab.lab import Lab  # noqa: PLC0415
    from matrix.lab.servers.spec import ServerSpec, StubServer  # noqa: PLC0415
    from matrix.lab.servers.stubs import load_stub  # noqa: PLC0415
    from matrix.lab.trace import Trace  # noqa: PLC0415
    from matrix.model import ANY_REVISION, Transport  # noqa: PLC0415

    async def opened(lab: Lab) -> str:
        servers = [ServerSpec(stub, StubServer(load_stub(stub)))]
        entries = await lab.call(lab.open("shared", Trace(), servers, Transport.HTTP, ANY_REVISION))
        return str(entries[stub]["url"])

    with Lab() as lab:
        pipe.send(asyncio.run(opened(lab)))
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
