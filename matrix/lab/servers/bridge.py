"""The pump: a stdio server's process, as the agent sees it; standard library only, so it starts at once.

    python -I -S -E pump.py SOCKET KEY [-- COMMAND…]

Without a command it hands every line on to the lab, where the stub lives, and prints what the lab sends.
With a command it starts that server as its own child and reports every line to the lab as it goes by. Where it is
the lab that says what to start, every line goes to the lab first, and what becomes of it is the lab's business.

To the lab go lines with a letter in front: `h` hello (JSON), `i` from the client, `c` the client has closed our
stdin, and with a server also `o` from it, `e` from its stderr, `z` its exit code. From the lab come `1` for stdout,
`2` for stderr, `x` with the code to exit with, and where it runs a server, `r` to start it (JSON: argv, env, cwd),
`s` for its stdin, `q` to close that.
"""

import json
import os
import socket
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO


def main() -> None:
    """Connect, say hello, and pump until one side ends."""
    path, key = sys.argv[1], sys.argv[2]
    command = sys.argv[4:]
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    lab = Link(link)
    hello = {"key": key, "pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109
    lab.send(b"h", json.dumps(hello).encode() + b"\n")
    if command:
        os._exit(pump_child(lab, command))
    else:
        pump_lab(lab)


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


def pump_lab(lab: Link) -> None:
    """Hand our stdin to the lab and print what it sends; end when it says so, or goes away."""

    def inward() -> None:
        for line in sys.stdin.buffer:
            lab.send(b"i", line)
        lab.send(b"c", b"\n")

    threading.Thread(target=inward, daemon=True).start()
    out, err = sys.stdout.buffer, sys.stderr.buffer
    code, server = 0, None
    try:
        for line in lab.link.makefile("rb"):
            if line[:1] in b"12":
                stream = out if line[:1] == b"1" else err
                stream.write(line[1:])
                stream.flush()
            elif line[:1] == b"r":
                server = begin(lab, json.loads(line[1:]))
            elif line[:1] == b"x":
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
        child = Child(lab, start["argv"], start["env"], start["cwd"])
    except OSError as problem:
        cannot_start(lab, start["argv"][0], problem)
        return None
    child.end_with_us()
    threading.Thread(target=child.report, daemon=True).start()
    return child


def cannot_start(lab: Link, program: str, problem: OSError) -> bytes:
    """Tell the lab that there is no such server; returns the words."""
    words = f"{problem.filename or program}: {problem.strerror}\n".encode()
    lab.send(b"e", words)
    lab.send(b"z", b"127")
    return words


def pump_child(lab: Link, command: "list[str]") -> int:
    """Run a real server; returns its exit code, or what a shell's would be where it cannot be started."""
    try:
        child = Child(lab, command)
    except OSError as problem:
        sys.stderr.buffer.write(cannot_start(lab, command[0], problem))
        sys.stderr.buffer.flush()
        return 127
    return child.run()


class Child:
    """A real server as our child: every line is reported as it goes by; it never outlives us, or the lab."""

    def __init__(
        self, lab: Link, command: "list[str]", env: "dict[str, str] | None" = None, cwd: "str | None" = None
    ) -> None:
        import subprocess  # noqa: PLC0415  (a third of our start-up, and stubs do without)

        self.lab = lab
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603

    def end_with_us(self) -> None:
        """See to it that the server ends when we are told to."""
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGTERM, self.end)

    def run(self) -> int:
        """Pump until the server ends; returns its exit code."""
        self.end_with_us()
        errors = threading.Thread(target=self.copy, args=("stderr", sys.stderr.buffer, b"e"), daemon=True)
        for thread in (
            threading.Thread(target=self.watch, daemon=True),
            threading.Thread(target=self.inward, daemon=True),
            errors,
        ):
            thread.start()
        self.copy("stdout", sys.stdout.buffer, b"o")
        code = self.process.wait()
        errors.join(2)
        self.lab.send(b"z", str(code).encode())
        return code if code >= 0 else 128 - code

    def report(self) -> None:
        """Hand what the server writes to the lab, and its exit code."""
        errors = threading.Thread(target=self.copy, args=("stderr", None, b"e"), daemon=True)
        errors.start()
        self.copy("stdout", None, b"o")
        code = self.process.wait()
        errors.join(2)
        self.lab.send(b"z", str(code).encode())

    def obey(self, line: bytes) -> None:
        """Write a line of the lab's to the server's stdin, or close that; who has ended is found out by the exit."""
        if line[:1] == b"q":
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
                self.lab.send(b"i", line)
                if stdin is not None:
                    stdin.write(line)
                    stdin.flush()
            self.lab.send(b"c", b"\n")
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
        except Exception:  # noqa: BLE001  (subprocess.TimeoutExpired, whose module we would have to import)
            self.process.terminate()


if __name__ == "__main__":
    main()
