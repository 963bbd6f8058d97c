"""Holding open, for a run, the processes that fork its Python servers (prefork.py)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from matrix.lab.servers import prefork

_FIRST_LINE = 400
_ENDING_SECONDS = 10


@contextmanager
def preforking(programs: Mapping[str, Path], folder: Path) -> Generator[Mapping[str, Path]]:
    """Start a process for each program that is a Python script; gives the sockets by name, and ends them all.

    Whoever wants a server before its process is ready starts it in the ordinary way.
    """
    sockets: dict[str, Path] = {}
    with ExitStack() as stack:
        for number, (name, script) in enumerate(programs.items()):
            python = interpreter(script)
            if python is not None:
                sockets[name] = folder / f"fork-{number}.sock"
                stack.enter_context(_process(python, sockets[name], script))
        yield sockets


def interpreter(script: Path) -> str | None:
    """Return the Python that a script's first line names; None where it is no Python script."""
    try:
        with script.open("rb") as file:
            first = file.readline(_FIRST_LINE).decode("utf-8", "replace")
    except OSError:
        return None
    program = first[2:].strip() if first.startswith("#!") else ""
    return program if Path(program).name.startswith("python") else None


@contextmanager
def _process(python: str, socket: Path, script: Path) -> Generator[None]:
    argv = [python, "-I", prefork.__file__, str(socket), str(script)]
    env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    silent = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603  (the program is one of the servers' own)
        argv, env=env, stdin=subprocess.PIPE, stdout=silent, stderr=silent, start_new_session=True
    )
    try:
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
