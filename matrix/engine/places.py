"""How many cells may be in flight: as many as keep the processors busy, however many of them only wait.

A cell that waits for a silent server, or at a rendezvous, costs nothing; one that starts sixteen processes costs all
there is. So there is no fixed number of places: more are given while processors are idle, and fewer while more wants
to run than can.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

TICK_SECONDS = 0.1
"""Between two readings of the load."""
IDLE_SHARE = 0.1
"""More than this part of the processors has to be idle for more places to be given."""
CROWDED = 3
"""So many things that want to run, for each processor, are too many."""
DOUBTFUL = 5
"""With so many, what an agent comes to says nothing about it."""
MOST = 256
_MEMORY_SHARE = 0.1
"""No more places are given when less than this part of the memory is available."""
_FEWER = 0.9


@dataclass(frozen=True)
class Load:
    """What the machine is doing: the processors that were idle since the reading before, and how much wants to run."""

    idle: float
    runnable: int
    memory: float = 1.0
    """The part of the memory that is available."""


def processors() -> int:
    """Return how many processors we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Machine:
    """Reads the load of this machine."""

    def __init__(self) -> None:
        self.processors = processors()
        self._before = psutil.cpu_times()

    def load(self) -> Load:
        """Return the load since the reading before."""
        now, before = psutil.cpu_times(), self._before
        self._before = now
        idle = (now.idle - before.idle) + (getattr(now, "iowait", 0.0) - getattr(before, "iowait", 0.0))
        whole = sum(now) - sum(before)
        share = idle / whole if whole > 0 else 0.0
        memory = psutil.virtual_memory()
        return Load(share * self.processors, _runnable(), memory.available / memory.total)


class Places:
    """The number of cells that may be in flight, which follows the load."""

    def __init__(self, machine: Machine | None = None) -> None:
        self._machine = machine or Machine()
        self._least = self._machine.processors + 1
        self._number = float(2 * self._machine.processors)
        self._read = time.monotonic()
        self._crowded = float("-inf")

    def free(self, in_flight: int) -> int:
        """Return how many more cells may be asked now, where so many are in flight."""
        now = time.monotonic()
        if now - self._read >= TICK_SECONDS:
            self._read = now
            self.follow(self._machine.load(), in_flight)
        return max(0, int(self._number) - in_flight)

    def follow(self, load: Load, in_flight: int) -> None:
        """Take in a reading: give more places while processors are idle and all are taken, fewer while it is crowded.

        With more than `MOST` in flight nothing would come faster.
        """
        each = self._machine.processors
        if load.runnable > DOUBTFUL * each:
            self._crowded = time.monotonic()
        if load.runnable > CROWDED * each:
            self._number = max(self._least, min(self._number, in_flight) * _FEWER)
        elif load.idle > IDLE_SHARE * each and in_flight >= int(self._number) and load.memory > _MEMORY_SHARE:
            self._number = min(MOST, self._number + max(1.0, load.idle))

    def was_crowded_since(self, when: float) -> bool:
        """Whether far more has wanted to run than could, at some time since then (monotonic seconds)."""
        return self._crowded >= when


def _runnable() -> int:
    """Return how many threads of the whole machine want to run; where the system does not tell, none."""
    try:
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
    except (OSError, IndexError, ValueError):
        return 0
