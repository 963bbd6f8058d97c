"""Looks at the processes of a run, from the process that runs it: CPU by kind, and memory."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

import psutil

FORK_SERVER = "matrix.engine.forking"
"""Stands in the command line of the fork server; its children, the workers, have the same one."""


@dataclass
class Processes:
    """What was last seen of each process below this one: they end without saying what they took."""

    seen: dict[int, tuple[str, float]] = field(default_factory=dict[int, tuple[str, float]])
    looking: float = 0.0
    """Seconds of CPU that looking took itself, on its thread."""

    def look(self) -> None:
        """Note what each has used of the processors until now."""
        own = psutil.Process()
        for each in own.children():
            try:
                forks = FORK_SERVER in " ".join(each.cmdline())
                self._note(each, "fork server" if forks else "real servers", whole=not forks)
                for child in each.children():
                    self._below(child, forks=forks)
            except psutil.Error:
                continue
        self.looking = time.thread_time()

    def _below(self, child: psutil.Process, *, forks: bool) -> None:
        if not forks:
            self._note(child, "real servers", whole=True)
            return
        self._note(child, "workers", whole=False)
        used = child.cpu_times()
        living = sum(sum(each.cpu_times()[:2]) for each in child.children(recursive=True))
        below = used.children_user + used.children_system + living
        before = self.seen.get(-child.pid, ("", 0.0))[1]
        self.seen[-child.pid] = ("below workers", max(before, below))

    def _note(self, process: psutil.Process, kind: str, *, whole: bool) -> None:
        used = process.cpu_times()
        children = used.children_user + used.children_system if whole else 0.0
        self.seen[process.pid] = (kind, used.user + used.system + children)

    def seconds(self) -> dict[str, float]:
        """Return the CPU of each kind of process, this one included."""
        found: dict[str, float] = defaultdict(float)
        for kind, used in self.seen.values():
            found[kind] += used
        own = psutil.Process().cpu_times()
        return {**found, "parent": own.user + own.system - self.looking, "looking": self.looking}


def memory() -> dict[str, float]:
    """Return the megabytes of this process, and those that the largest worker has for itself alone."""
    own, largest = psutil.Process(), 0.0
    for each in own.children():
        try:
            for worker in each.children():
                largest = max(largest, worker.memory_full_info().uss)
        except psutil.Error:
            continue
    return {"parent": own.memory_info().rss / 1e6, "worker": largest / 1e6}
