"""A worker's process, from outside: start it, talk to it, end it with everything that it started."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, TypeAlias, cast

import matrix
from matrix.engine import entry
from matrix.engine.messages import Ask, Job
from matrix.errors import TemporaryFolderTooLong
from matrix.model import Capability, Cell
from matrix.processes import CANCELLING, SAFE_PATH, SAFE_PATH_IS_OURS, end_group, end_marked

PRELOAD = "matrix.engine.preload"
GRACE_SECONDS = 30.0
"""How long after the last of a cell's limits its worker may take to say so; then it is taken for blocked."""
START_SECONDS = 120.0
_SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103
LONGEST_TEMPORARY_FOLDER = _SOCKET_PATH_LIMIT - len("/agent-matrix-12345678/matrix-lab-12345678/lab.sock")
"""How many bytes the path of the folder for temporary files may have: a socket's path, in the lab of a worker, is
limited."""


Pipe: TypeAlias = "Connection[Any, Any]"


@dataclass(frozen=True)
class InFlight:
    """A cell that a worker has been asked; `until` is when it has to have answered (monotonic seconds).

    `shared` says whether it was asked with others, of one run.
    """

    cell: Cell
    until: float
    shared: bool = False


@dataclass
class WorkerProcess:
    """A running worker."""

    job: Job
    process: ForkServerProcess
    pipe: Pipe
    mark: str
    in_flight: dict[str, InFlight] = field(default_factory=dict[str, InFlight])
    ready_by: float = 0.0
    is_ready: bool = False
    asked: int = 0

    def ask(self, cells: tuple[Cell, ...], of: Capability, grace: float = GRACE_SECONDS, group_size: int = 1) -> None:
        """Put the questions of cells that share a run, mostly of one; a worker that has died shows so by its sentinel.

        `of` is the capability whose limits hold: the longest.
        """
        self.asked += 1
        until = time.monotonic() + of.longest + grace
        self.in_flight |= {each.id: InFlight(each, until, len(cells) > 1) for each in cells}
        with contextlib.suppress(OSError):
            self.pipe.send(Ask(cells, self.asked, of.deadline, of.start_up, group_size))

    @property
    def overdue(self) -> bool:
        """Whether the worker should have answered by now."""
        now = time.monotonic()
        if not self.is_ready:
            return now > self.ready_by
        return any(now > each.until for each in self.in_flight.values())

    def kill(self) -> None:
        """End the worker and everything that it started, now."""
        pid = self.process.pid
        if pid is not None and self.process.is_alive():
            end_group(pid)
        self.process.join(10)
        self.pipe.close()
        end_marked(self.mark)


def context() -> ForkServerContext:
    """Return the context of a fork server that runs: heavy imports are paid there, once for all workers.

    Ctrl-C reaches it too, and it heeds that until it has imported everything: so it is started with the
    signal held back, and ignores it from its first import on.
    """
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([PRELOAD])
    with _safe_path(), holding_interrupts():
        forkserver.ensure_running()
    return forking


def warm_up() -> None:
    """Start the fork server, which begins to import what workers need while we still plan.

    Raises UsageError where no socket can be made in the folder for temporary files.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > LONGEST_TEMPORARY_FOLDER:
        raise TemporaryFolderTooLong(folder, LONGEST_TEMPORARY_FOLDER)
    context()


@contextlib.contextmanager
def holding_interrupts() -> Generator[None]:
    """Hold back what cancels a run while a process is started: none is left that is half told what it is to do.

    The fork server inherits that, until it has settled what becomes of them (see preload.py). Ours come through
    afterwards.
    """
    resource_tracker.ensure_running()  # it lets the signal through again, and would do so in between
    held = signal.pthread_sigmask(signal.SIG_BLOCK, CANCELLING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@contextlib.contextmanager
def _safe_path() -> Generator[None]:
    """Keep the current folder out of where a Python that is started now imports from.

    The fork server begins as `python -c`, whose first place is the current folder, and an owner's folder may have a
    package called `matrix` too. What workers start does not inherit this: see `matrix.engine.preload`.
    """
    if SAFE_PATH in os.environ or Path(matrix.__file__).parents[1] == Path.cwd():
        yield
        return
    os.environ |= {SAFE_PATH: "1", SAFE_PATH_IS_OURS: "1"}
    try:
        yield
    finally:
        del os.environ[SAFE_PATH], os.environ[SAFE_PATH_IS_OURS]


def start(job: Job) -> WorkerProcess:
    """Start a worker for a job."""
    forking = context()
    ours, theirs = forking.Pipe()
    mark = secrets.token_hex(8)
    process: ForkServerProcess = forking.Process(
        target=entry.enter, args=(job, theirs, mark), name=f"worker {job.agent.name}"
    )
    process.start()
    theirs.close()
    return WorkerProcess(job, process, cast("Pipe", ours), mark, ready_by=time.monotonic() + START_SECONDS)
