"""Processes that a run starts, found again and ended: those of a worker, and those of a command's run.

A worker marks its environment, and whatever it starts inherits the mark. A command's run has a session and a HOME of
its own: servers are often started in a session of theirs, so neither alone would find them all.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from matrix.descent import still_runs, still_there

MARK = "AGENT_MATRIX_WORKER"
"""An environment variable that marks everything a worker starts, so that nothing of it is left behind."""
CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a run early: Ctrl-C, whoever stops us, and the end of the terminal."""
_GONE = (ProcessLookupError, PermissionError)


@contextlib.contextmanager
def holding_interrupts() -> Generator[None]:
    """Hold back what cancels a run until a step is done whole, such as a write, or the start of a process.

    A process that is started meanwhile inherits that, until it has settled what becomes of them. Ours come through
    afterwards.
    """
    held = signal.pthread_sigmask(signal.SIG_BLOCK, CANCELLING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def mark() -> str:
    """Return the mark of this process, nothing where it has none."""
    return os.environ.get(MARK, "")


def end_marked(value: str) -> None:
    """Kill every process that carries this mark in its environment."""
    for process in _with_environment(MARK, value):
        _killed(process)


def end_group(leader: int) -> None:
    """Kill a process, and everything in the group that it leads."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(*_GONE):
            kill(leader, signal.SIGKILL)


@dataclass(frozen=True)
class RunProcesses:
    """The processes of one run of a command: `leader` is the process that was started as the leader of a session."""

    leader: int
    home: Path

    def alive(self) -> tuple[str, ...]:
        """Return the names of those that still run, sorted."""
        names: list[str] = []
        for process in self._found():
            with contextlib.suppress(psutil.Error):
                names.append(process.name())
        return tuple(sorted(names))

    async def still_alive(self, seconds: float) -> tuple[str, ...]:
        """Return the names of those that still run after so many seconds; at once when there are none."""
        return await still_there(self.alive, seconds)

    def yield_to_others(self, niceness: int) -> None:
        """Give way to other processes, in so many steps more than we do.

        Linux may weigh whole sessions against one another (autogroups); then it is the session that has to be nice.
        """
        nicer = os.getpriority(os.PRIO_PROCESS, 0) + niceness
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, self.leader, nicer)
            Path("/proc", str(self.leader), "autogroup").write_text(str(nicer), encoding="ascii")

    def kill(self) -> None:
        """End all of them."""
        with contextlib.suppress(*_GONE):
            os.killpg(self.leader, signal.SIGKILL)
        for process in self._found():
            _killed(process)

    def _found(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, *_GONE):
                mine = self.leader in {os.getpgid(process.pid), os.getsid(process.pid)}
                if (mine or process.environ().get("HOME") == str(self.home)) and still_runs(process):
                    yield process


def _with_environment(name: str, value: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(name) == value:
                yield process


def _killed(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()
