"""How long nothing has moved: an agent that hangs is told by silence, one on a slow machine is not.

A second is silent when no witness has recorded anything in it, nothing of ours was awaited (a model's answer that is
held back, a server's answer, a wait of the check's own), neither this process nor one that it has started has computed,
and the machine had a processor to spare.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import psutil

from matrix.engine.places import CROWDED, runnable
from matrix.lab.trace import Trace

TICK_SECONDS = 1.0
BUSY_SHARE = 0.05
"""Whoever has computed for more than this part of a second was not still."""


class Stillness:
    """Counts the seconds for which a cell has been still."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._records = -1
        self._computed = 0.0
        self.seconds = 0.0

    async def lasts(self, seconds: float) -> None:
        """Return once nothing has moved for so many seconds."""
        while self.seconds < seconds:
            await asyncio.sleep(min(TICK_SECONDS, seconds))
            self.take(min(TICK_SECONDS, seconds))

    def take(self, passed: float) -> None:
        """Take in that so many seconds have passed."""
        before, self._records = self._records, self._trace.size
        if self._records != before or self._trace.owed or runnable() > CROWDED * (psutil.cpu_count() or 1):
            self.seconds, self._computed = 0.0, 0.0
            return
        earlier, self._computed = self._computed, _computed()
        if not earlier or self._computed - earlier > BUSY_SHARE * passed:
            self.seconds = 0.0
        else:
            self.seconds += passed


def _computed() -> float:
    """Return the seconds for which this process, and those that it has started, have computed."""
    whole = time.process_time()
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                whole += sum(child.cpu_times()[:2])
    return whole
