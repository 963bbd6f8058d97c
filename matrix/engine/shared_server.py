"""The shared server: one stub, in a process of its own, that every agent of a run uses at the same time."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from matrix.engine.channel import Channel
from matrix.engine.fork_server import START_SECONDS, ForkServerGone, fork_server
from matrix.engine.serve_shared import serve
from matrix.errors import ServerFault
from matrix.model import Cell
from matrix.processes import end_group

_SAY_SECONDS = 5.0
_END_SECONDS = 3.0


class SharedServer:
    """Runs a stub for all workers; a context manager. Raises ServerFault when it does not start."""

    def __init__(self, stub: str, scratch: Path | None) -> None:
        self._stub = stub
        self._scratch = scratch
        self._pid: int | None = None
        self.url = ""

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        mark = secrets.token_hex(8)
        self._channel = Channel(ours, mark)
        try:
            self._server = fork_server()
            with theirs:
                self._pid = self._server.fork(serve, (self._stub, self._scratch, mark), theirs)
            self.url = self._first_word()
        except ForkServerGone:
            self.url = ""
        if not self.url:
            self._end()
            raise ServerFault(f"the server {self._stub}, which all agents were to use together, did not start")
        return self

    def excuse(self, cell: Cell) -> None:
        """Tell the server that this cell's agent will not come any more, or not again: nobody is to wait for it."""
        with contextlib.suppress(OSError):
            self._channel.send(cell.nonce().encode(), _SAY_SECONDS)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _first_word(self) -> str:
        until = time.monotonic() + START_SECONDS
        while not self._channel.has_ended and self._channel.wait(max(0.0, until - time.monotonic())):
            for body in self._channel.received():
                return body.decode()
        return ""

    def _end(self) -> None:
        self._channel.close()
        with contextlib.suppress(ForkServerGone):
            if self._pid is not None and self._server.exit_code(self._pid, _END_SECONDS) is None:
                end_group(self._pid)
