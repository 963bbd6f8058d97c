"""Processes by descent, where the system tells it (Linux): whoever forks, renames, clears or detaches stays a child.

A process that adopts orphans is the parent of everything below it whose own parent has ended, in whatever session it
is. Elsewhere nothing is adopted, and only what is still below its parent is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator

import psutil

_SET_PARENT_DEATH_SIGNAL, _SET_NO_NEW_PRIVILEGES, _SET_CHILD_SUBREAPER = 1, 38, 36  # linux/prctl.h
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # the same on every architecture
_LANDLOCK_VERSION, _SCOPE_SIGNAL = 1, 1 << 1  # linux/landlock.h
_SCOPES_SIGNALS_SINCE = 6
_POLL_SECONDS = 0.05
_SERVING = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
_ROUNDS = 100
"""How often what is left is looked for again: a fork may be faster than one look."""


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent has ended."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the system send us a signal when our parent ends, also while we are stopped; at once where it has ended."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, by)
    if os.getppid() != parent:
        os.kill(os.getpid(), by)


def keep_to_ourselves() -> None:
    """Give up signals to any process that is not below this one, where the system knows of that (Linux 6.12).

    It takes programs with it that gain privileges when they are started.
    """
    if sys.platform != "linux":
        return
    call = ctypes.CDLL(None, use_errno=True).syscall
    if call(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION) < _SCOPES_SIGNALS_SINCE:
        return
    scoped = (ctypes.c_uint64 * 3)(0, 0, _SCOPE_SIGNAL)  # files, network, scoped
    rules = call(_LANDLOCK_CREATE_RULESET, ctypes.byref(scoped), ctypes.c_size_t(ctypes.sizeof(scoped)), 0)
    if rules >= 0:
        _prctl(_SET_NO_NEW_PRIVILEGES, 1)
        call(_LANDLOCK_RESTRICT_SELF, rules, 0)
        os.close(rules)


def below(pid: int) -> Iterator[psutil.Process]:
    """Yield the processes below this one that still run."""
    with contextlib.suppress(psutil.Error):
        for each in psutil.Process(pid).children(recursive=True):
            if still_runs(each):
                yield each


async def strays(before: Collection[int], seconds: float) -> tuple[str, ...]:
    """Return the names, sorted, of what came below this process since, and still runs after so many seconds.

    What `multiprocessing` keeps for itself is not counted: it ends with the process that it serves.
    """
    return await still_there(lambda: _names_below(before), seconds)


async def still_there(names: Callable[[], tuple[str, ...]], seconds: float) -> tuple[str, ...]:
    """Return the names of the processes that are still there after so many seconds; at once when there are none."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (left := names()) and loop.time() < until:  # noqa: ASYNC110  (no event: they are not all our children)
        await asyncio.sleep(_POLL_SECONDS)
    return left


def _names_below(before: Collection[int]) -> tuple[str, ...]:
    names: list[str] = []
    for each in below(os.getpid()):
        with contextlib.suppress(psutil.Error):
            if each.pid not in before and not any(word in " ".join(each.cmdline()) for word in _SERVING):
                names.append(each.name())
    return tuple(sorted(names))


def end_children(spared: Collection[int] = ()) -> None:
    """Kill what is below this process, but for these children and what is below them; whoever adopts has to reap."""
    for _ in range(_ROUNDS):
        mine = psutil.Process().children()
        ending = [each for each in mine if each.pid not in spared]
        for child in ending:
            for each in (*below(child.pid), child):
                with contextlib.suppress(psutil.Error):
                    each.kill()
        for child in ending:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, 0)
        if not ending:
            return


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped the process."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def still_runs(process: psutil.Process) -> bool:
    """Whether it has not ended; one that has may wait for somebody to ask how."""
    try:
        return process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.Error:
        return False


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
