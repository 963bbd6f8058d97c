"""A Dask cluster, from the run's side: which workers it has, a task on each, and what they say."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import time
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from distributed import Client, Queue
from distributed.versions import VersionMismatchWarning

from matrix.engine.several.errors import BadEngine, NoScheduler, SchedulerLost
from matrix.engine.several.messages import Order, Said, ordered, read
from matrix.engine.several.session import serve

CONNECT_SECONDS = 10.0
HEAR_SECONDS = 0.1
"""How often it is looked whether anything was said."""
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Address:
    """Where a scheduler is."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As the command line has it."""
        return f"dask://{self._place}"

    @property
    def of_scheduler(self) -> str:
        """As Dask has it."""
        return f"tcp://{self._place}"

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """Read `dask://HOST:PORT`. Raises UsageError."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadEngine(text) from None
    if parts.scheme != "dask" or not host or not port or parts.username or parts.path.strip("/") or parts.query:
        raise BadEngine(text)
    return Address(host, port)


@dataclass(frozen=True)
class Heard:
    """What a task has said; another `incarnation` is another start of it, after its worker was lost."""

    token: str
    incarnation: str
    said: tuple[Said, ...]


class Task:
    """A task that runs on one worker until the run is over."""

    def __init__(self, token: str, future: Any, inbox: Any) -> None:
        self.token = token
        self._future = future
        self._inbox = inbox

    def deal(self, cells: Sequence[str]) -> None:
        """Have it ask these cells, by id. Raises SchedulerLost."""
        self._inbox.put(list(cells))

    @property
    def has_ended(self) -> bool:
        """Whether it does nothing any more."""
        return self._future.status != "pending"

    def problem(self) -> str:
        """Return why it did not even begin, where that is known."""
        found = self._future.exception() if self._future.status == "error" else None
        return self._future.status if found is None else f"{type(found).__name__}: {found}"

    def end(self) -> None:
        """Have it end as soon as it can."""
        if not self.has_ended:
            self._future.cancel()
        self._inbox.close()


class Cluster:
    """A connection to a cluster; a context manager. Every method raises SchedulerLost where that has gone."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._run = f"matrix-{secrets.token_hex(8)}"
        self._tasks: list[Task] = []
        self._client: Any

    def __enter__(self) -> Self:
        with _connecting(self._address):
            # Where nobody listens that is known at once; Dask would try again for as long as it may take.
            socket.create_connection((self._address.host, self._address.port), CONNECT_SECONDS).close()
            # What is not the same on all machines we say ourselves.
            warnings.filterwarnings("ignore", category=VersionMismatchWarning)
            for name in ("distributed", "distributed.client"):  # which have levels of their own
                logging.getLogger(name).setLevel(logging.CRITICAL)
            self._client = Client(self._address.of_scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
            self._outbox: Any = Queue(self._run, client=self._client)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(problem, SchedulerLost):
            with contextlib.suppress(Exception):  # what is left undone is undone when the connection ends
                for each in self._tasks:
                    each.end()
                self._outbox.get(batch=True)
                self._outbox.close()
        with contextlib.suppress(Exception):
            self._client.close(_CLOSE_SECONDS)

    @property
    def url(self) -> str:
        """As the command line has it."""
        return self._address.url

    def workers(self) -> frozenset[str]:
        """Return the addresses of the workers that the scheduler has now."""
        with self._talking():
            return frozenset(self._client.nthreads())

    def begin(self, worker: str, order: Order) -> Task:
        """Have a worker take part."""
        token = f"{self._run}-{len(self._tasks)}"
        with self._talking():
            inbox = Queue(token, client=self._client)
            future = self._client.submit(
                serve,
                ordered(order),
                token,
                self._run,
                token,
                key=token,
                workers=[worker],
                allow_other_workers=False,
                pure=False,
                retries=0,
            )
        self._tasks.append(Task(token, future, inbox))
        return self._tasks[-1]

    def deal(self, task: Task, cells: Sequence[str]) -> None:
        """Have a task ask these cells, by id."""
        with self._talking():
            task.deal(cells)

    def dismiss(self, tasks: Sequence[Task]) -> None:
        """Tell tasks that the run is over, and wait for their end, which takes a moment."""
        with self._talking():
            for each in tasks:
                each.deal(())
            until = time.monotonic() + _CLOSE_SECONDS
            while not all(each.has_ended for each in tasks) and time.monotonic() < until:
                time.sleep(HEAR_SECONDS)

    def heard(self) -> list[Heard]:
        """Return what the tasks have said since the last time."""
        with self._talking():
            said = self._outbox.get(batch=True)
        return [Heard(token, start, tuple(map(read, bodies))) for token, start, bodies in said]

    @contextlib.contextmanager
    def _talking(self) -> Generator[None]:
        try:
            yield
        except Exception as problem:
            raise SchedulerLost(self._address.url, _cause(problem)) from problem


@contextlib.contextmanager
def _connecting(address: Address) -> Generator[None]:
    try:
        yield
    except OSError as problem:
        raise NoScheduler(address.url, problem) from problem


def _cause(problem: BaseException) -> str:
    """Return what the system said, below what Dask makes of it."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    said = problem.strerror if isinstance(problem, OSError) else None
    return said or str(problem) or type(problem).__name__
