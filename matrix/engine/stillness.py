"""How long nothing has moved: an agent that hangs is told by silence, one on a slow machine is not.

A second is silent when no witness has recorded anything in it, nothing of ours was awaited (a model's answer that is
held back, a server's answer, a wait of the check's own), and neither this process nor one that it has started has
computed, or has waited for a processor to do so.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import psutil

from matrix.lab.trace import Trace

TICK_SECONDS = 1.0
BUSY_SHARE = 0.1
"""Whoever has been busy for more than this part of a second was not still."""


class Stillness:
    """Counts the seconds for which a cell has been still."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._records = -1
        self._busy = 0.0
        self.seconds = 0.0

    async def lasts(self, seconds: float) -> None:
        """Return once nothing has moved for so many seconds."""
        while self.seconds < seconds:
            await asyncio.sleep(min(TICK_SECONDS, seconds))
            self.take(min(TICK_SECONDS, seconds))

    def begin(self) -> None:
        """Begin anew: nothing is known of the time before."""
        self.seconds, self._busy = 0.0, 0.0

    def take(self, passed: float) -> None:
        """Take in that so many seconds have passed."""
        before, self._records = self._records, self._trace.size
        if self._records != before or self._trace.owed:
            self.begin()
            return
        earlier, self._busy = self._busy, _busy()
        if not earlier or self._busy - earlier > BUSY_SHARE * passed:
            self.seconds = 0.0
        else:
            self.seconds += passed


class _Busy:
    """The seconds for which this process and its own have been busy; all cells share a reading, for it costs some."""

    def __init__(self) -> None:
        self._read = float("-inf")
        self._seconds = 0.0

    def __call__(self) -> float:
        """Return them as of the last second."""
        now = time.monotonic()
        if now - self._read > TICK_SECONDS / 2:
            self._read, self._seconds = now, _measured()
        return self._seconds


_busy = _Busy()


def _measured() -> float:
    """Return the seconds for which this process, and those that it has started, have computed or waited to."""
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process().children(recursive=True)
    if sys.platform == "linux":
        return sum(_scheduled(pid) for pid in ("self", *(each.pid for each in children)))
    whole = time.process_time()
    for child in children:
        with contextlib.suppress(psutil.Error):
            whole += sum(child.cpu_times()[:2])
    return whole


def _scheduled(pid: int | str) -> float:
    """Return the seconds for which the threads of a process have run, or have stood in the queue of what would."""
    whole = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, ValueError):  # it has ended, or this system does not tell
            ran, waited, _ = task.read_text(encoding="ascii").split()
            whole += int(ran) + int(waited)
    return whole / 1e9
