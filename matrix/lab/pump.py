"""The pump: a stdio server's process, as the agent sees it; standard library only, so it starts at once.

    python -I -S -E pump.py SOCKET KEY [-- COMMAND…]

Without a command it hands every line on to the lab, where the stub lives, and prints what the lab sends.
With a command it starts that server as its own child and reports every line to the lab as it goes by.

To the lab go lines with a letter in front: `h` hello (JSON), `i` from the client, `c` the client has closed our
stdin, and with a command also `o` from the server, `e` from its stderr, `z` its exit code. From the lab come
`1` for stdout, `2` for stderr, and `x` with the code to exit with.
"""

import json
import os
import socket
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


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
    code = 0
    try:
        for line in lab.link.makefile("rb"):
            if line[:1] == b"1":
                out.write(line[1:])
                out.flush()
            elif line[:1] == b"2":
                err.write(line[1:])
                err.flush()
            elif line[:1] == b"x":
                code = int(line[1:])
                break
    except OSError:
        code = 0
    os._exit(code)


def pump_child(lab: Link, command: "list[str]") -> int:
    """Run a real server; returns its exit code, or what a shell's would be where it cannot be started."""
    try:
        child = Child(lab, command)
    except OSError as problem:
        words = f"{command[0]}: {problem.strerror}\n".encode()
        sys.stderr.buffer.write(words)
        sys.stderr.buffer.flush()
        lab.send(b"e", words)
        lab.send(b"z", b"127")
        return 127
    return child.run()


class Child:
    """A real server as our child: every line is reported as it goes by; it never outlives us, or the lab."""

    def __init__(self, lab: Link, command: "list[str]") -> None:
        import subprocess  # noqa: PLC0415  (a third of our start-up, and stubs do without)

        self.lab = lab
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603

    def run(self) -> int:
        """Pump until the server ends; returns its exit code."""
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGTERM, self.end)
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

    def end(self, *_: object) -> None:
        """End the server, and ourselves with it."""
        self.process.kill()
        os._exit(self.process.wait() & 0xFF)

    def watch(self) -> None:
        """End the server when the lab goes away."""
        while self.lab.link.recv(4096):
            pass
        self.end()

    def copy(self, stream: str, target: "BinaryIO", kind: bytes) -> None:
        """Hand on what the server writes, until it stops or nobody reads."""
        source: BinaryIO = getattr(self.process, stream)
        try:
            for line in source:
                self.lab.send(kind, line)
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
            if stdin is not None:
                stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(5)
        except Exception:  # noqa: BLE001  (subprocess.TimeoutExpired, whose module we would have to import)
            self.process.terminate()


if __name__ == "__main__":
    main()
