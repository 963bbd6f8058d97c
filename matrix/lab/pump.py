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
import signal
import socket
import subprocess
import sys
import threading


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
        pump_child(lab, command)
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


def pump_child(lab: Link, command: "list[str]") -> None:
    """Run the server as our child, telling the lab of every line; it never outlives us, or the lab."""
    child = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise SystemExit(3)

    def end(*_: object) -> None:
        child.kill()
        os._exit(child.wait())

    signal.signal(signal.SIGTERM, end)

    def watch() -> None:
        while lab.link.recv(4096):
            pass
        end()

    def copy(source, target, kind: bytes) -> None:  # noqa: ANN001
        for line in source:
            lab.send(kind, line)
            target.write(line)
            target.flush()

    def inward() -> None:
        try:
            copy(sys.stdin.buffer, child.stdin, b"i")
            lab.send(b"c", b"\n")
            child.stdin.close()
        except OSError:
            pass
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.terminate()

    threading.Thread(target=watch, daemon=True).start()
    threading.Thread(target=inward, daemon=True).start()
    errors = threading.Thread(target=copy, args=(child.stderr, sys.stderr.buffer, b"e"), daemon=True)
    errors.start()
    try:
        copy(child.stdout, sys.stdout.buffer, b"o")
    except OSError:
        child.kill()
    code = child.wait()
    errors.join(2)
    lab.send(b"z", str(code).encode())
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
