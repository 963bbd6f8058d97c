"""A worker's process, from outside: start it, talk to it, see what has become of it, end it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from matrix.descent import is_stopped
from matrix.engine import entry
from matrix.engine.channel import Channel, Intruded
from matrix.engine.fork_server import START_SECONDS, ForkServer, ForkServerGone, fork_server
from matrix.engine.messages import Ask, Holding, Job, LastWords, Report, asked, report
from matrix.errors import TemporaryFolderTooLong
from matrix.model import Capability, Cell, Verdict
from matrix.processes import end_group, end_marked
from matrix.redaction import LAB_FOLDER

GRACE_SECONDS = 30.0
"""How long after the last of a cell's limits its worker may take to say so; then it is taken for blocked."""
_ASK_SECONDS = 5.0
_END_SECONDS = 10.0
_LOOK_SECONDS = 0.5
"""How often it is looked whether a worker was stopped."""
_SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103
LONGEST_TEMPORARY_FOLDER = _SOCKET_PATH_LIMIT - len("/agent-matrix-12345678/matrix-lab-12345678/lab.sock")
"""How many bytes the path of the folder for temporary files may have: a socket's path, in the lab of a worker, is
limited."""
_ANYBODYS = {signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
"""Signals that a process need not have brought upon itself: others send them, and the system when memory is short."""


@dataclass(frozen=True)
class InFlight:
    """A cell that a worker has been asked; `until` is when it has to have answered (monotonic seconds).

    `shared` says whether it was asked with others, of one run.
    """

    cell: Cell
    until: float
    shared: bool = False
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Lost:
    """Why a worker is of no use any more: the verdict for what it alone has brought about, and the reason.

    `by_anybody` says that others may have done it to it, `by_time` that it was not seen, but waited for in vain.
    """

    verdict: Verdict
    reason: str
    by_anybody: bool = False
    by_time: bool = False


INTRUDED = Lost(Verdict.FAILED, "the agent wrote to the channel of its worker")
CLOSED = Lost(Verdict.FAILED, "the agent closed the channel of its worker")
FORK_SERVER_ENDED = Lost(
    Verdict.FAILED, "the agent ended the process that every agent's process comes from", by_anybody=True
)
STOPPED = Lost(Verdict.FAILED, "the agent's process was stopped by a signal", by_anybody=True)
BLOCKED = Lost(Verdict.TIMED_OUT, "the agent blocked its event loop, so its deadline went unheeded", by_time=True)


@dataclass
class WorkerProcess:
    """A running worker."""

    job: Job
    pid: int
    server: ForkServer
    channel: Channel
    folder: Path
    mark: str
    in_flight: dict[str, InFlight] = field(default_factory=dict[str, InFlight])
    ready_by: float = 0.0
    is_ready: bool = False
    asked: int = 0
    last_words: LastWords | None = None
    held: str = ""
    """Where the agent holds its event loop at the moment."""
    intruded: bool = False
    _looked: float = 0.0

    def ask(self, cells: tuple[Cell, ...], of: Capability, grace: float = GRACE_SECONDS, group_size: int = 1) -> None:
        """Put the questions of cells that share a run, mostly of one; who cannot be asked is `lost`.

        `of` is the capability whose limits hold: the longest.
        """
        self.asked += 1
        until = time.monotonic() + of.longest + grace
        self.in_flight |= {each.id: InFlight(each, until, len(cells) > 1) for each in cells}
        with contextlib.suppress(OSError):
            self.channel.send(
                asked(Ask(cells, self.asked, of.deadline, of.start_up, of.silence, group_size)), _ASK_SECONDS
            )

    def heard(self) -> Iterator[Report]:
        """Yield what the worker has said by now, all but its last words; remembers where that was not its own."""
        try:
            for body in self.channel.received():
                said = report(body)
                match said:
                    case LastWords():
                        self.last_words = said
                    case Holding():
                        self.held = said.where
                    case _:
                        yield said
        except (Intruded, ValueError):
            self.intruded = True

    def exit_code(self, seconds: float = 0) -> int | None:
        """Return how the process has ended, None where it has not within so long. Raises ForkServerGone."""
        return self.server.exit_code(self.pid, seconds)

    def lost(self) -> Lost | None:
        """Return why the worker is of no use any more; None where it is. Raises ForkServerGone."""
        if self.intruded:
            return INTRUDED
        if (words := self.last_words) is not None:
            verdict = Verdict.TIMED_OUT if words.timed_out else Verdict.FAILED
            return Lost(verdict, f"the agent {words.did}", by_time=words.timed_out)
        code = self.exit_code(1 if self.channel.has_ended else 0)
        if code is not None or self.channel.has_ended:
            return CLOSED if code is None else _ended(code)
        if self._is_stopped():
            return STOPPED
        if not self.overdue:
            return None
        return INTRUDED if self.channel.is_half_read else replace(BLOCKED, reason=f"{BLOCKED.reason}{self.held}")

    @property
    def overdue(self) -> bool:
        """Whether the worker should have answered by now."""
        now = time.monotonic()
        if not self.is_ready:
            return now > self.ready_by
        return any(now > each.until for each in self.in_flight.values())

    def kill(self) -> None:
        """End the worker and everything that it started, now."""
        with contextlib.suppress(ForkServerGone):
            if self.exit_code() is None:
                end_group(self.pid)
                self.exit_code(_END_SECONDS)
        self.channel.close()
        if sys.platform != "linux":  # there the fork server has ended what came from it
            end_marked(self.mark)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_stopped(self) -> bool:
        now = time.monotonic()
        if now < self._looked + _LOOK_SECONDS:
            return False
        self._looked = now
        return is_stopped(self.pid)


def _ended(code: int) -> Lost:
    if code >= 0:
        return Lost(Verdict.FAILED, f"the agent ended its process with exit code {code}")
    return Lost(Verdict.FAILED, f"the agent's process was ended by signal {-code}", by_anybody=-code in _ANYBODYS)


def warm_up() -> None:
    """Start the fork server, which begins to import what workers need while we still plan.

    Raises UsageError where no socket can be made in the folder for temporary files.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > LONGEST_TEMPORARY_FOLDER:
        raise TemporaryFolderTooLong(folder, LONGEST_TEMPORARY_FOLDER)
    fork_server()


def start(job: Job) -> WorkerProcess:
    """Start a worker for a job. Raises ForkServerGone."""
    server, mark = fork_server(), secrets.token_hex(8)
    folder = Path(tempfile.mkdtemp(prefix=LAB_FOLDER, dir=job.scratch))
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            pid = server.fork(entry.enter, (job, mark, folder), theirs)
        except ForkServerGone:
            ours.close()
            raise
    return WorkerProcess(job, pid, server, Channel(ours, mark), folder, mark, ready_by=time.monotonic() + START_SECONDS)
