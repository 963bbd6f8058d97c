"""Measures what a run takes of the machine, from the first cell that is asked."""

from __future__ import annotations

import resource
import time

from matrix.effort import Effort
from matrix.engine.fork_server import fork_server
from matrix.engine.places import processors
from matrix.events import EngineEvent, Finished, Started


class Meter:
    """Begins when the first cell is asked."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._before = 0.0
        self._longest = 0.0

    def take(self, event: EngineEvent) -> None:
        """Take in what happens."""
        if isinstance(event, Started) and self._began is None:
            self._began, self._before = time.monotonic(), _cpu_seconds()
        if isinstance(event, Finished):
            self._longest = max(self._longest, event.outcome.duration or 0.0)

    def effort(self) -> Effort | None:
        """Return what was taken until now, by us and by processes that have ended; None where nothing was asked."""
        if self._began is None:
            return None
        wall = time.monotonic() - self._began
        return Effort(wall, _cpu_seconds() - self._before, self._longest, processors())


def _cpu_seconds() -> float:
    # Of children that have ended there are those of ours, and those of the fork server, which goes on.
    whole = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return fork_server().cpu_seconds + sum(each.ru_utime + each.ru_stime for each in whole)
