"""A process that has imported a Python server's program, and forks for each start of it; standard library only.

    python prefork.py SOCKET SCRIPT

Importing what a server needs takes a second of computing, and a run starts each many times; a fork takes milliseconds.
SCRIPT is the server's console script: what it imports is imported once, and its main part is run in each fork, as if
it had been started just now. It runs in the server's own environment, so it may need no later Python than that.

Whoever wants a start connects, and sends a line of JSON (argv, env, cwd) with the three standard streams. It is told
the process's id, and its exit code when it has ended; whoever hangs up ends the process. All end with our stdin.
"""

import contextlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Start = tuple["dict[str, Any]", "list[int]"]


def main() -> None:
    """Import the server's program, and fork for whoever connects."""
    path, script = sys.argv[1:]
    sys.argv = [script]
    runpy.run_path(script, run_name="prefork")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    start = Forks(listener).serve()
    if start is not None:
        begin(script, start)


def begin(script: str, start: "Start") -> None:
    """Be the server: take its streams, folder and environment, and run its program to its end."""
    request, streams = start
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    # Python's own streams have looked at what was there before them.
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = [script, *request["argv"][1:]]
    runpy.run_path(script, run_name="__main__")


class Forks:
    """The processes that were forked, each with the connection of whoever wanted it."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.wanted: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.woken, self.wake = socket.socketpair()
        for each in (self.woken, self.wake):
            each.setblocking(False)

    def serve(self) -> "Start | None":
        """Go on until stdin ends; in a process that was just forked, return what it is to be."""
        signal.signal(signal.SIGCHLD, heed)
        signal.set_wakeup_fd(self.wake.fileno())
        for each in (sys.stdin, self.listener, self.woken):
            self.selector.register(each, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is sys.stdin:
                    self.end_all()
                    return None
                if key.fileobj is self.listener:
                    start = self.fork()
                    if start is not None:
                        return start
                elif key.fileobj is self.woken:
                    self.woken.recv(4096)
                    self.reap()
                else:
                    self.heed_word(key.data)

    def fork(self) -> "Start | None":
        """Take a request and fork; returns it in the new process only."""
        connection, _ = self.listener.accept()
        data, streams, _, _ = socket.recv_fds(connection, 65536, 3)
        while not data.endswith(b"\n"):
            more = connection.recv(65536)
            if not more:  # it has changed its mind
                connection.close()
                return None
            data += more
        pid = os.fork()
        if pid == 0:
            self.let_go()
            connection.close()
            return json.loads(data), streams
        for each in streams:
            os.close(each)
        self.wanted[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, pid)
        tell(connection, pid)
        return None

    def let_go(self) -> None:
        """Leave what is the parent's alone, in a process that was just forked, and be one of its own."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for each in (self.listener, self.woken, self.wake, *self.wanted.values()):
            each.close()

    def reap(self) -> None:
        """Tell who has ended, and how: a negative code is the signal that did it."""
        while self.wanted:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            connection = self.wanted.pop(pid)
            if connection in self.selector.get_map():
                self.selector.unregister(connection)
            tell(connection, os.waitstatus_to_exitcode(status))
            connection.close()

    def heed_word(self, pid: int) -> None:
        """Send a process the signals that are asked for, and end it where nobody waits for it any more."""
        if pid not in self.wanted:
            return
        asked = self.wanted[pid].recv(4096)
        for number in asked.split():
            os.kill(pid, int(number))
        if not asked:
            os.kill(pid, signal.SIGKILL)
            self.selector.unregister(self.wanted[pid])

    def end_all(self) -> None:
        """End every process."""
        for pid in self.wanted:
            os.kill(pid, signal.SIGKILL)


def tell(connection: socket.socket, number: int) -> None:
    """Send a number; who has gone away does not read it."""
    with contextlib.suppress(OSError):
        connection.sendall(b"%d\n" % number)


def heed(*_: object) -> None:
    """Do nothing: that a signal has come is told by the socket that it wakes us with."""


if __name__ == "__main__":
    main()
