"""The shared server: one stub, in a process of its own, that every agent of a run uses at the same time."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from matrix.engine.process import context, holding_interrupts
from matrix.engine.serve_shared import serve
from matrix.errors import ServerFault
from matrix.model import Cell


class SharedServer:
    """Runs a stub for all workers; a context manager. Raises ServerFault when it does not start."""

    def __init__(self, stub: str, scratch: Path | None) -> None:
        self._stub = stub
        self._scratch = scratch
        self.url = ""

    def __enter__(self) -> Self:
        forking = context()
        self._pipe, theirs = forking.Pipe()
        self._process = forking.Process(target=serve, args=(self._stub, self._scratch, theirs), daemon=True)
        with holding_interrupts():
            self._process.start()
        theirs.close()
        try:
            self.url = self._pipe.recv()
        except EOFError as end:
            self._end()
            raise ServerFault(f"the server {self._stub}, which all agents were to use together, did not start") from end
        return self

    def excuse(self, cell: Cell) -> None:
        """Tell the server that this cell's agent will not come any more, or not again: nobody is to wait for it."""
        with contextlib.suppress(OSError):
            self._pipe.send(cell.nonce())

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._process.join(3)
        self._process.kill()
