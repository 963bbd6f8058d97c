"""The fork server, from inside: it has the heavy imports, and forks what its parent asks for.

It is given functions to call, in a process each, and tells how each process has ended. Whatever these leave behind
becomes its own child, and is ended with them. When its parent has gone, everything is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import traceback
from types import FrameType
from typing import NoReturn

from matrix.descent import adopt_orphans, end_children, end_with_parent
from matrix.processes import CANCELLING

LENGTH = struct.Struct(">I")
"""Stands before a pickled request; the descriptors that the function is given come with it."""
NOTICE = struct.Struct(">ciid")
"""Kind, process, how that ended (its exit code, or minus the signal), and the seconds of CPU of all that have."""
STARTED, ENDED = b"s", b"e"
MOST_DESCRIPTORS = 4


def settle(parent: int) -> None:
    """Become what no interrupt ends, and what everything comes back to that its processes leave behind."""
    for each in CANCELLING:  # the parent alone decides when an interrupted run ends; it has held them back until here
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CANCELLING)
    adopt_orphans()
    # What is imported from here on stays: nobody is to look for garbage in it, which in a worker would also copy it.
    gc.disable()
    end_with_parent(parent)


def serve(descriptor: int, parent: int) -> NoReturn:
    """Serve the parent, to whom this socket leads, for as long as it is there."""
    end_with_parent(parent, signal.SIGCONT)  # now there are processes to end: we see that it has gone, also if stopped
    gc.freeze()
    gc.enable()
    with contextlib.suppress(OSError):
        _Forking(socket.socket(fileno=descriptor)).serve()
    signal.set_wakeup_fd(-1)
    end_children()
    os._exit(0)


def _noted(_signal: int, _frame: FrameType | None) -> None:
    """Have a signal write to the descriptor that wakes us."""


class _Forking:
    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._started: set[int] = set()
        self._wakes, self._woken = socket.socketpair()
        self._wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, _noted)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Serve until the parent has gone."""
        poll = select.poll()
        for each in (self._parent, self._woken):
            poll.register(each, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._woken.fileno() in ready:
                self._woken.recv(4096)
                self._reap()
            if self._parent.fileno() in ready and not self._fork():
                return

    def _fork(self) -> bool:
        """Start what is asked for; returns False where nothing will be any more."""
        head, descriptors, _, _ = socket.recv_fds(self._parent, LENGTH.size, MOST_DESCRIPTORS)
        if not head:
            return False
        request = bytearray()
        (length,) = LENGTH.unpack(head)
        while len(request) < length:
            request += self._parent.recv(length - len(request)) or b"\0" * length
        ours, pid = os.getpid(), os.fork()
        if pid == 0:
            self._become(bytes(request), descriptors, ours)
        for each in descriptors:
            os.close(each)
        self._started.add(pid)
        self._tell(STARTED, pid)
        return True

    def _become(self, request: bytes, descriptors: list[int], parent: int) -> None:
        """Be the process that was asked for, and end as it, or with its parent, should that have ended already."""
        code = 1
        try:
            end_with_parent(parent)
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGCHLD, *CANCELLING):
                signal.signal(each, signal.SIG_IGN if each is signal.SIGINT else signal.SIG_DFL)
            for each in (self._parent, self._wakes, self._woken):
                each.close()
            path, folder, argv, function, arguments = pickle.loads(request)  # noqa: S301  (our parent's)
            sys.path[:], sys.argv[:] = path, argv
            os.chdir(folder)
            function(*arguments, *(socket.socket(fileno=each) for each in descriptors))
            code = 0
        except BaseException:  # noqa: BLE001  (as the interpreter does)
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Tell of what has ended, once nothing is left of it."""
        ended: list[tuple[int, int]] = []
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] in self._started:
                    self._started.discard(found[0])
                    ended.append(found)
        if ended:
            end_children(spared=self._started)
        for pid, status in ended:
            self._tell(ENDED, pid, os.waitstatus_to_exitcode(status))

    def _tell(self, kind: bytes, pid: int, code: int = 0) -> None:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._parent.sendall(NOTICE.pack(kind, pid, code, ended.ru_utime + ended.ru_stime))
