"""Real HTTP servers: started once in a worker, when the first cell wants one, and shared by its cells."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from matrix.errors import ServerFault
from matrix.lab.servers.prepare import HttpProcess, prepare_http
from matrix.lab.servers.real import PinnedServer
from matrix.processes import MARK, mark

READY_SECONDS = 60


class HttpServers:
    """The real HTTP servers of a worker; a context manager that ends them."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[subprocess.Popen[bytes], HttpProcess]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, _ in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()

    def url(self, server: PinnedServer) -> str:
        """Return where the server listens, starting it if need be. Raises ServerFault when it does not come up."""
        with self._lock:
            if server.name not in self._running:
                self._running[server.name] = _started(server)
            return self._running[server.name][1].url

    def root(self, name: str) -> Path:
        """Return the folder that the server is confined to."""
        return self._running[name][1].cwd


def _started(server: PinnedServer) -> tuple[subprocess.Popen[bytes], HttpProcess]:
    root = Path(tempfile.mkdtemp(prefix="matrix-lab-server-"))
    prepared = prepare_http(server, root, _free_port())
    log = root / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (the command of a pinned server)
            prepared.argv,
            cwd=prepared.cwd,
            env={**prepared.env, MARK: mark()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    waited = threading.Event()
    for _ in range(READY_SECONDS * 20):
        if prepared.ready in log.read_text(encoding="utf-8", errors="replace"):
            return process, prepared
        if process.poll() is not None:
            break
        waited.wait(0.05)
    process.kill()
    process.wait()
    words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ServerFault(f"{server.name} did not come up over HTTP: {words[-1] if words else 'it said nothing'}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
