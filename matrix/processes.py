"""What a command leaves running: the processes of one run, told from all others.

A run's processes are those of its group or session, and those that have its HOME, which is its own: servers are often
started in a session of theirs, so the group alone would miss them. Where there is no /proc, only the group is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.05
_PROC = Path("/proc")


@dataclass(frozen=True)
class RunProcesses:
    """The processes of one run: `leader` is the process that was started as the leader of a session."""

    leader: int
    home: Path

    def alive(self) -> tuple[str, ...]:
        """Return the names of those that still run, sorted."""
        if not (_PROC / "self").exists():
            return ("a process of its group",) if self._signalled(0) else ()
        return tuple(sorted(name for _, name in self._found()))

    async def still_alive(self, seconds: float) -> tuple[str, ...]:
        """Return the names of those that still run after so many seconds; at once when there are none."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (names := self.alive()) and loop.time() < until:  # noqa: ASYNC110  (no event: they are not our children)
            await asyncio.sleep(_POLL_SECONDS)
        return names

    def yield_to_others(self, niceness: int) -> None:
        """Give way to other processes, in so many steps more than we do.

        Linux may weigh whole sessions against one another (autogroups); then it is the session that has to be nice.
        """
        nicer = os.getpriority(os.PRIO_PROCESS, 0) + niceness
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, self.leader, nicer)
            (_PROC / str(self.leader) / "autogroup").write_text(str(nicer), encoding="ascii")

    def kill(self) -> None:
        """End all of them."""
        self._signalled(signal.SIGKILL)
        for pid, _ in self._found():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _signalled(self, number: int) -> bool:
        try:
            os.killpg(self.leader, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _found(self) -> Iterator[tuple[int, str]]:
        mark = b"HOME=" + os.fsencode(self.home)
        for folder in _PROC.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                head, _, rest = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
                state, _, group, session = rest.split()[:4]
                if state in {"Z", "X"}:
                    continue  # it has ended, and only waits for somebody to ask how
                mine = self.leader in {int(group), int(session)}
                if mine or mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name), head.partition("(")[2]
