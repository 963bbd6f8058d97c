"""A Dask cluster on loopback: a scheduler and workers, each a process of its own, as they are started by hand."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psutil

from matrix.engine.several.cluster import Address, read_address
from tests.engine.questions import HANG


class Daemon:
    """One of its processes, and what it logs."""

    def __init__(self, folder: Path, module: str, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1", "--no-dashboard", *options],
            cwd=folder,
            env=os.environ | {"DASK_TEMPORARY_DIRECTORY": str(folder / ".dask")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)

    def said(self, pattern: str) -> str:
        """Wait until it logs this; returns what the pattern's group matches."""
        while (found := re.search(pattern, self._lines.get(timeout=HANG))) is None:
            pass
        return found[1]

    def end(self) -> None:
        """Stop it, if it has not ended."""
        self.process.terminate()
        try:
            self.process.wait(HANG)
        finally:
            self.process.kill()
            self._reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()


class DaskCluster:
    """A scheduler, and as many workers as are wanted; they are started in the folder of a project."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self.scheduler = Daemon(project, "dask_scheduler", "--port", "0")
        self.address: Address = read_address(self.scheduler.said(r"Scheduler at: +tcp(://\S+)").join(["dask", ""]))
        self._workers: list[Daemon] = []

    def have(self, workers: int) -> None:
        """See to it that there are so many workers, no more and no less."""
        for each in [each for each in self._workers if each.process.poll() is not None]:
            self._workers.remove(each)
            each.end()
        while len(self._workers) > workers:
            self._workers.pop().end()
        while len(self._workers) < workers:
            self.join(self._project)

    def join(self, folder: Path, nanny: str = "--no-nanny") -> None:
        """Start a worker in a folder; a nanny starts it again when it has ended."""
        options = (self.address.of_scheduler, "--nthreads", "1", nanny)
        self._workers.append(Daemon(folder, "dask_worker", *options))
        self._workers[-1].said(r"(Registered to)")

    def left(self) -> list[str]:
        """Return the names of what is still there below the workers' fork servers when it had time to end."""
        servers = [each for worker in self._workers for each in psutil.Process(worker.process.pid).children()]
        _, alive = psutil.wait_procs([each for server in servers for each in server.children()], HANG)
        return [each.name() for each in alive]

    def end(self) -> None:
        """Stop everything."""
        self.have(0)
        self.scheduler.end()


@contextmanager
def cluster_for(project: Path) -> Iterator[DaskCluster]:
    """Have a scheduler for a project."""
    cluster = DaskCluster(project)
    try:
        yield cluster
    finally:
        cluster.end()


class Door:
    """Where an agent that is to hold says so, with the process that its own comes from: a named pipe."""

    def __init__(self, project: Path) -> None:
        self._door = project / "door"
        self._hold = project / "hold"

    def __enter__(self) -> Self:
        os.mkfifo(self._door)
        self._hold.touch()
        return self

    def wait(self) -> psutil.Process:
        """Wait until an agent holds; return the worker in which it does."""
        server = psutil.Process(int(self._door.read_text()))
        return psutil.Process(server.ppid())

    def __exit__(self, *_: object) -> None:
        self._door.unlink()
        self._hold.unlink(missing_ok=True)


@contextmanager
def killing_who_holds(project: Path) -> Iterator[None]:
    """Kill the worker in which an agent holds."""
    with Door(project) as door:
        killer = threading.Thread(target=lambda: door.wait().kill(), daemon=True)
        killer.start()
        yield
        killer.join(HANG)
        assert not killer.is_alive(), "no agent has come to the door"
