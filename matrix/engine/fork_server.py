"""The fork server, from outside: every process of a run is forked from it, in some twenty milliseconds.

It runs under the same user as the agents do, so it may be stopped or ended by one. A stopped one is continued; where
it has ended, so have all the processes that came from it, and the next one that is wanted begins anew.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matrix.engine.forking import ENDED, LENGTH, NOTICE
from matrix.processes import end_group, holding_interrupts

START_SECONDS = 120.0
"""How long it may take to start a process; the imports are the most of it."""
_PATIENCE_SECONDS = 0.5
"""How long nothing is heard of it before it is continued, in case that somebody has stopped it."""
_CODE = """\
import sys
sys.path[:] = {path!r}
from matrix.engine.forking import serve, settle
settle({parent})
import matrix.engine.preload
serve({descriptor}, {parent})
"""


class ForkServerGone(Exception):
    """The fork server has ended, or does not answer; so have the processes that came from it."""


class ForkServer:
    """A running fork server."""

    def __init__(self) -> None:
        self._end, theirs = socket.socketpair()
        code = _CODE.format(path=sys.path, descriptor=theirs.fileno(), parent=os.getpid())
        flags = [*map(str, subprocess._args_from_interpreter_flags())]  # noqa: SLF001  # pyright: ignore
        with holding_interrupts():
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, *flags, "-P", "-c", code],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        theirs.close()
        self._end.settimeout(_PATIENCE_SECONDS)
        self._unread = bytearray()
        self._running: set[int] = set()
        self._exit_codes: dict[int, int] = {}
        self.has_gone = False
        self.cpu_seconds = 0.0
        """What the processes that came from it, and have ended, have used of the processors."""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def fileno(self) -> int:
        """Return the descriptor on which it tells of processes that have ended, for a selector."""
        return self._end.fileno()

    def fork(self, function: Callable[..., None], arguments: Sequence[Any], *ends: socket.socket) -> int:
        """Call a function in a process of its own, with these arguments and sockets; returns the process's id.

        Raises ForkServerGone.
        """
        request = pickle.dumps((sys.path, str(Path.cwd()), sys.argv, function, tuple(arguments)))
        with holding_interrupts():
            try:
                return self._forked(request, [each.fileno() for each in ends], time.monotonic() + START_SECONDS)
            except OSError as problem:
                self._gone()
                raise ForkServerGone from problem

    def exit_code(self, pid: int, seconds: float = 0) -> int | None:
        """Return how a process has ended, minus a signal where it was one; None where it still runs after so long.

        Raises ForkServerGone.
        """
        until = time.monotonic() + seconds
        try:
            while pid not in self._exit_codes and (self._has_word() or time.monotonic() < until):
                self._next(until + _PATIENCE_SECONDS)
        except TimeoutError:
            pass
        except OSError as problem:
            self._gone()
            raise ForkServerGone from problem
        return self._exit_codes.get(pid)

    def close(self) -> None:
        """End it, and everything that came from it."""
        self._end.close()
        self.carry_on()
        if self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self._gone()

    def _forked(self, request: bytes, descriptors: list[int], until: float) -> int:
        rest = memoryview(request)
        self._patiently(lambda: socket.send_fds(self._end, [LENGTH.pack(len(request))], descriptors), until)
        while rest:
            rest = rest[self._patiently(lambda: self._end.send(rest), until) :]  # noqa: B023  (called at once)
        while (started := self._next(until)) is None:
            pass
        return started

    def _next(self, until: float) -> int | None:
        """Take in one notice; returns the process that it tells to have started. Raises OSError."""
        while len(self._unread) < NOTICE.size:
            read = self._patiently(lambda: self._end.recv(4096), until)
            if not read:
                raise ConnectionResetError
            self._unread += read
        kind, pid, code, self.cpu_seconds = NOTICE.unpack_from(self._unread)
        del self._unread[: NOTICE.size]
        if kind == ENDED:
            self._running.discard(pid)
            self._exit_codes[pid] = code
            return None
        self._running.add(pid)
        return pid

    def _has_word(self) -> bool:
        if self.has_gone:
            raise ConnectionResetError
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return len(self._unread) >= NOTICE.size or bool(poll.poll(0))

    def _patiently(self, work: Callable[[], Any], until: float) -> Any:
        while True:
            try:
                return work()
            except TimeoutError:
                self.carry_on()
                if time.monotonic() > until:
                    raise

    def carry_on(self) -> None:
        """Continue it, in case that somebody has stopped it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    def _gone(self) -> None:
        """End what may be left of it."""
        self.has_gone = True
        self._end.close()
        self._process.kill()
        self._process.wait()
        for pid in self._running:  # the system has ended them already, where it knows of such a duty
            end_group(pid)
        self._running.clear()


_current: list[ForkServer] = []


def fork_server() -> ForkServer:
    """Return the fork server of this process: the one that runs, or a new one."""
    if not _current:
        atexit.register(_close)
    if not _current or _current[0].has_gone:
        _current[:] = [ForkServer()]
    return _current[0]


def _close() -> None:
    if not _current[0].has_gone:
        _current[0].close()
