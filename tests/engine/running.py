"""A real run in a process of its own, which is interrupted from outside."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from matrix.model import STATEFUL
from matrix.processes import CANCELLING

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class Running:
    """A `python -m matrix run` in a session of its own, every process of which can be found by its PATH."""

    def __init__(self, project: Path, *options: str, python: tuple[str, ...] = ()) -> None:
        self.mark = str(project / "marked")
        self.read = {"stdout": "", "stderr": ""}
        arguments = ["--capability", "invoke.round-trip", "--transport", "stdio", "--revision", STATEFUL, *options]
        # Whatever a run starts inherits PATH, if nothing else.
        with heeding_interrupts():
            self.process = subprocess.Popen(
                [sys.executable, *python, "-m", "matrix", "run", *arguments],
                cwd=project,
                env=os.environ | {"PATH": f"{os.environ['PATH']}{os.pathsep}{self.mark}"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )

    def wait_for(self, text: str, stream: str = "stdout", when: Callable[[str], bool] | None = None) -> None:
        """Read what the run says until it says this."""
        source: IO[str] = getattr(self.process, stream)
        for line in source:
            self.read[stream] += line
            if text in line and (when is None or when(line)):
                return
        pytest.fail(f"the run ended without saying {text!r}, but {self.read[stream]!r}")

    def interrupt(self) -> None:
        """Do what Ctrl-C does: send SIGINT to every process of the terminal's group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return exit code, and what was not read yet of standard output and standard error."""
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err

    def left(self) -> list[str]:
        """Return the command lines of its processes that do not end by themselves."""
        left: list[str] = []
        for pid in processes_with(self.mark):
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            ended, _, _ = select.select([descriptor], [], [], 30)
            os.close(descriptor)
            if not ended:
                left.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        return left


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Undo meanwhile what a shell without job control does to its background jobs: these would inherit it."""
    ignored = [each for each in CANCELLING if signal.getsignal(each) is signal.SIG_IGN]
    for each in ignored:
        signal.signal(each, signal.SIG_DFL)
    try:
        yield
    finally:
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)


def processes_with(mark: str) -> Iterator[int]:
    """Yield the processes that have this in their environment."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes():
                yield int(environ.parent.name)
        except OSError:
            continue
