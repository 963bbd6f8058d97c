"""One run of the engine, in a process of its own, told as JSON: `python -m benchmarks.one_run '{"root": "…"}'`.

What it prints has the effort of the run, verdicts by number, when what happened (seconds since the process began), and,
where that is asked for, the memory of the parent and of the largest worker.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.looking import Processes, memory


@dataclass(frozen=True)
class Asked:
    """What is asked, and how; paths and globs as on the command line."""

    root: str
    output: str
    agents: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    repeat: int = 1
    share: bool = True
    look_at_memory: float = 0.0
    """Every so many seconds; 0 where not at all."""
    look_at_processes: float = 0.0
    """The same, of their CPU."""

    def command(self) -> list[str]:
        """Return the words that ask it, behind the interpreter's own."""
        return ["-m", "benchmarks.one_run", json.dumps(asdict(self))]


@dataclass
class Watch:
    """Notes when what happens, and looks at memory now and then, and at the CPU of processes all the time."""

    every: float
    moments: dict[str, float] = field(default_factory=dict[str, float])
    memory: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    _looked: float = 0.0

    def note(self, text: str) -> None:
        """Say what is waited for."""
        sys.stderr.write(f"{text}\n")

    def planned(self, plan: Any, done: int, expected: Mapping[str, float]) -> None:
        """Take in that the plan is made."""
        del plan, done, expected
        self.now("planned")

    def happened(self, event: Any) -> None:
        """Take in when the first cell is asked, and the last one has its outcome."""
        self.moments.setdefault("asked", _since_the_start())
        if hasattr(event, "outcome"):
            self.now("answered")
        if self.every and time.monotonic() - self._looked >= self.every:
            self._looked = time.monotonic()
            self.memory.append({"at": _since_the_start(), **memory()})

    def now(self, what: str) -> None:
        """Note a moment."""
        self.moments[what] = _since_the_start()


def _since_the_start() -> float:
    return round(time.time() - psutil.Process().create_time(), 3)


@contextlib.contextmanager
def looking(processes: Processes, every: float) -> Iterator[None]:
    """Look at the processes every so many seconds, on a thread."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(every):
            processes.look()

    thread = threading.Thread(target=look, daemon=True)
    if every:
        thread.start()
    yield
    ended.set()


def main() -> None:
    """Run, and print what came of it."""
    asked = Asked(**json.loads(sys.argv[1]))
    watch = Watch(asked.look_at_memory)
    watch.now("started")
    from matrix.engine.prepare import Wish  # noqa: PLC0415  (what is imported is measured)
    from matrix.engine.run import Request, run  # noqa: PLC0415
    from matrix.plan import Filters  # noqa: PLC0415

    watch.now("imported")
    filters = Filters(
        agents=tuple(asked.agents),
        transports=tuple(asked.transports),
        capabilities=tuple(asked.capabilities),
        revisions=tuple(asked.revisions),
    )
    request = Request(Wish(Path(asked.root), filters), Path(asked.output), repeat=asked.repeat, share=asked.share)
    processes = Processes()
    with looking(processes, asked.look_at_processes):
        result = run(request, watch)
    watch.now("ended")
    effort = result.effort
    told = {
        "cells": len(result.matrix.outcomes),
        "attempts": sum(max(1, len(each.attempts)) for each in result.matrix.outcomes),
        "verdicts": Counter(each.verdict.value for each in result.matrix.outcomes),
        "effort": None
        if effort is None
        else {**asdict(effort), "ideal": effort.ideal, "efficiency": effort.efficiency},
        "moments": watch.moments,
        "memory": watch.memory,
        "processes": processes.seconds(),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
