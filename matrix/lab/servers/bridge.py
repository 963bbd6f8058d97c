"""The stdio bridge: a stdio server's process, as the agent sees it; standard library only, so it starts at once.

    python -I -S -E bridge.py SOCKET KEY [[--prefork SOCKET] -- COMMAND…]

Without a command it hands every line on to the lab, where the stub lives, and prints what the lab sends.
With a command it starts that server as its own child and reports every line to the lab as it goes by; where there is a
process that has imported the server's program already (prefork.py), that forks it. Where it is
the lab that says what to start, every line goes to the lab first, and what becomes of it is the lab's business.
Each line between bridge and lab has a letter in front, which says what it is.
"""

import json
import os
import socket
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

# To the lab.
HELLO = b"h"
"""JSON: key, pid, cwd, env."""
FROM_CLIENT = b"i"
CLIENT_CLOSED = b"c"
FROM_SERVER = b"o"
FROM_STDERR = b"e"
EXITED = b"z"
"""The server's exit code."""

# From the lab.
TO_STDOUT = b"1"
TO_STDERR = b"2"
EXIT = b"x"
"""The code to exit with."""
START = b"r"
"""JSON: argv, env, cwd."""
TO_SERVER = b"s"
CLOSE_STDIN = b"q"
"""Of the server."""


def main() -> None:
    """Connect, say hello, and hand lines on until one side ends."""
    path, key = sys.argv[1], sys.argv[2]
    options, command = sys.argv[3:], []
    if "--" in options:
        at = options.index("--")
        options, command = options[:at], options[at + 1 :]
    prefork = options[1] if options[:1] == ["--prefork"] else None
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    lab = Link(link)
    hello = {"key": key, "pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109
    lab.send(HELLO, json.dumps(hello).encode() + b"\n")
    if command:
        os._exit(run_server(lab, command, prefork))
    else:
        serve_from_lab(lab)


class Link:
    """The lab's end; lines of several threads do not mix."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.lock = threading.Lock()

    def send(self, kind: bytes, line: bytes) -> None:
        """Send one line; a lab that has gone away is found out by the reader."""
        if not line.endswith(b"\n"):
            line += b"\n"
        try:
            with self.lock:
                self.link.sendall(kind + line)
        except OSError:
            pass


def serve_from_lab(lab: Link) -> None:
    """Hand our stdin to the lab and print what it sends; end when it says so, or goes away."""

    def inward() -> None:
        for line in sys.stdin.buffer:
            lab.send(FROM_CLIENT, line)
        lab.send(CLIENT_CLOSED, b"\n")

    threading.Thread(target=inward, daemon=True).start()
    out, err = sys.stdout.buffer, sys.stderr.buffer
    code, server = 0, None
    try:
        for line in lab.link.makefile("rb"):
            if line[:1] in {TO_STDOUT, TO_STDERR}:
                stream = out if line[:1] == TO_STDOUT else err
                stream.write(line[1:])
                stream.flush()
            elif line[:1] == START:
                server = begin(lab, json.loads(line[1:]))
            elif line[:1] == EXIT:
                code = int(line[1:])
                break
            elif server is not None:
                server.obey(line)
    except OSError:
        code = 0
    if server is not None:
        server.process.kill()
        server.process.wait()
    os._exit(code)


def begin(lab: Link, start: "dict[str, Any]") -> "Child | None":
    """Start the server that the lab wants, and hand what it writes to the lab."""
    try:
        child = Child(lab, start["argv"], env=start["env"], cwd=start["cwd"])
    except OSError as problem:
        cannot_start(lab, start["argv"][0], problem)
        return None
    child.end_with_us()
    threading.Thread(target=child.report, daemon=True).start()
    return child


def cannot_start(lab: Link, program: str, problem: OSError) -> bytes:
    """Tell the lab that there is no such server; returns the words."""
    words = f"{problem.filename or program}: {problem.strerror}\n".encode()
    lab.send(FROM_STDERR, words)
    lab.send(EXITED, b"127")
    return words


def run_server(lab: Link, command: "list[str]", prefork: "str | None") -> int:
    """Run a real server; returns its exit code, or what a shell's would be where it cannot be started."""
    try:
        child = Child(lab, command, prefork=prefork)
    except OSError as problem:
        sys.stderr.buffer.write(cannot_start(lab, command[0], problem))
        sys.stderr.buffer.flush()
        return 127
    return child.run()


class Forked:
    """A server that another process forks for us: as much of `subprocess.Popen` as a child needs.

    Raises OSError or ValueError where that process is not there, or does not fork.
    """

    def __init__(self, path: str, command: "list[str]") -> None:
        self.ended = threading.Event()
        self.code = 0
        link = socket.socket(socket.AF_UNIX)
        link.connect(path)
        request = {"argv": command, "env": dict(os.environ), "cwd": os.getcwd()}  # noqa: PTH109
        data = json.dumps(request).encode() + b"\n"
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = os.pipe(), os.pipe(), os.pipe()
        sent = socket.send_fds(link, [data], [theirs_in, theirs_out, theirs_err])
        link.sendall(data[sent:])
        for each in (theirs_in, theirs_out, theirs_err):
            os.close(each)
        self.stdin = os.fdopen(ours_in, "wb")
        self.stdout, self.stderr = os.fdopen(ours_out, "rb"), os.fdopen(ours_err, "rb")
        self.told = link.makefile("rb")
        self.pid = int(self.told.readline())
        threading.Thread(target=self.learn, daemon=True).start()

    def learn(self) -> None:
        """Read the exit code; where the other process has gone away, the server has with it."""
        self.code = int(self.told.readline() or b"-9")
        self.ended.set()

    def wait(self, timeout: "float | None" = None) -> int:
        """Return the exit code. Raises TimeoutError."""
        if not self.ended.wait(timeout):
            raise TimeoutError
        return self.code

    def kill(self, number: int = 9) -> None:
        """Send a signal, unless the process has ended."""
        if not self.ended.is_set():
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.kill(15)


class Child:
    """A real server as our child: every line is reported as it goes by; it never outlives us, or the lab."""

    def __init__(self, lab: Link, command: "list[str]", prefork: "str | None" = None, **where: "Any") -> None:
        self.lab = lab
        self.process: Any = None
        if prefork is not None:
            try:
                self.process = Forked(prefork, command)
            except (OSError, ValueError):
                self.process = None  # that process is not ready, or has gone: we start the server ourselves
        if self.process is None:
            import subprocess  # noqa: PLC0415  (a third of our start-up, and stubs do without)

            pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            self.process = subprocess.Popen(command, **pipes, **where)  # noqa: S603

    def end_with_us(self) -> None:
        """See to it that the server ends when we are told to."""
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGTERM, self.end)

    def run(self) -> int:
        """Hand lines on until the server ends; returns its exit code."""
        self.end_with_us()
        errors = threading.Thread(target=self.copy, args=("stderr", sys.stderr.buffer, FROM_STDERR), daemon=True)
        for thread in (
            threading.Thread(target=self.watch, daemon=True),
            threading.Thread(target=self.inward, daemon=True),
            errors,
        ):
            thread.start()
        self.copy("stdout", sys.stdout.buffer, FROM_SERVER)
        code = self.process.wait()
        errors.join(2)
        self.lab.send(EXITED, str(code).encode())
        return code if code >= 0 else 128 - code

    def report(self) -> None:
        """Hand what the server writes to the lab, and its exit code."""
        errors = threading.Thread(target=self.copy, args=("stderr", None, FROM_STDERR), daemon=True)
        errors.start()
        self.copy("stdout", None, FROM_SERVER)
        code = self.process.wait()
        errors.join(2)
        self.lab.send(EXITED, str(code).encode())

    def obey(self, line: bytes) -> None:
        """Write a line of the lab's to the server's stdin, or close that; who has ended is found out by the exit."""
        if line[:1] == CLOSE_STDIN:
            threading.Thread(target=self.let_end, daemon=True).start()
            return
        try:
            if self.process.stdin is not None:
                self.process.stdin.write(line[1:])
                self.process.stdin.flush()
        except OSError:
            pass

    def end(self, *_: object) -> None:
        """End the server, and ourselves with it."""
        self.process.kill()
        os._exit(self.process.wait() & 0xFF)

    def watch(self) -> None:
        """End the server when the lab goes away."""
        while self.lab.link.recv(4096):
            pass
        self.end()

    def copy(self, stream: str, target: "BinaryIO | None", kind: bytes) -> None:
        """Hand on what the server writes, to the lab first, until it stops or nobody reads."""
        source: BinaryIO = getattr(self.process, stream)
        try:
            for line in source:
                self.lab.send(kind, line)
                if target is not None:
                    target.write(line)
                    target.flush()
        except OSError:
            self.process.kill()

    def inward(self) -> None:
        """Hand our stdin on; when the client closes it, the server has a while to end by itself."""
        stdin = self.process.stdin
        try:
            for line in sys.stdin.buffer:
                self.lab.send(FROM_CLIENT, line)
                if stdin is not None:
                    stdin.write(line)
                    stdin.flush()
            self.lab.send(CLIENT_CLOSED, b"\n")
        except OSError:
            pass
        self.let_end()

    def let_end(self) -> None:
        """Close the server's stdin, and give it a while to end by itself."""
        try:
            if self.process.stdin is not None:
                self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(5)
        except Exception:  # noqa: BLE001  (TimeoutError, or subprocess.TimeoutExpired, which we would have to import)
            self.process.terminate()


if __name__ == "__main__":
    main()
