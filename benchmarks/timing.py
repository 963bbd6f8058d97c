"""What a command takes of the machine: its wall time, and the CPU of all that it started."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
_ORPHANS_SECONDS = 5.0


class CommandFailed(Exception):
    """A command that is measured ended otherwise than it should: its figures would say nothing."""

    def __init__(self, argv: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"`{' '.join(argv)}` ended with {code}:\n{output[-2000:]}")


@dataclass(frozen=True)
class Taken:
    """Seconds of wall time and of CPU, of the command and everything below it; `output` is what it printed."""

    wall: float
    cpu: float
    output: str = ""


def taken(
    argv: Sequence[str],
    *,
    folder: Path = ROOT,
    env: Mapping[str, str] | None = None,
    codes: Sequence[int] = (0,),
) -> Taken:
    """Run a command to its end, and say what it took.

    Whoever calls this has adopted orphans: what the command leaves behind is counted, and ended. Raises CommandFailed
    where its exit code is none of these.
    """
    before, began = _cpu_of_children(), time.perf_counter()
    done = subprocess.run(  # noqa: S603  (our own commands)
        argv, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    _reap()
    if done.returncode not in codes:
        raise CommandFailed(argv, done.returncode, done.stdout + done.stderr)
    return Taken(wall, _cpu_of_children() - before, done.stdout)


def python(*arguments: str) -> list[str]:
    """Return a command of this interpreter."""
    return [sys.executable, *arguments]


def in_turn(times: int, runs: Mapping[str, Callable[[], Taken]]) -> dict[str, Taken]:
    """Run each of these so often, one after the other in each round; returns the medians, by name.

    So a machine that is slower for a while is so for all of them.
    """
    all_taken: dict[str, list[Taken]] = {name: [] for name in runs}
    for _ in range(times):
        for name, run in runs.items():
            all_taken[name].append(run())
    return {name: median(several) for name, several in all_taken.items()}


def median(several: Sequence[Taken]) -> Taken:
    """Return the medians of what several runs took; the output is that of the last one."""
    wall = statistics.median(each.wall for each in several)
    return Taken(wall, statistics.median(each.cpu for each in several), several[-1].output)


def _cpu_of_children() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _reap() -> None:
    """Wait for what has outlived the command, and end it where it stays."""
    until = time.monotonic() + _ORPHANS_SECONDS
    try:
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                if time.monotonic() > until:
                    for each in psutil.Process().children(recursive=True):
                        each.kill()
                time.sleep(0.05)
    except ChildProcessError:
        return
