"""Where the servers come from that the `real` capabilities ask about, as a run and its workers see it.

A source is read once, by the run: pinned real servers, a config store, a client's config file. What it hands to a
worker is data; only there, right before a cell attaches a server, is it opened, and are secrets resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from matrix.model import Cell, Probe, Server
from matrix.outcome import RunHeader
from matrix.tool_filter import ToolFilter


@dataclass(frozen=True)
class StdioServer:
    """A real server over stdio: what starts it. Of a `private` one the agent learns neither command nor environment.

    `prefork` is the socket of a process that has imported its program, and forks it.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    private: bool = False
    tools: ToolFilter | None = None
    prefork: Path | None = None


@dataclass(frozen=True)
class HttpServer:
    """A real server over HTTP. `headers` are sent by the lab in the agent's place: it does not learn them."""

    url: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict[str, str])
    private: bool = False
    tools: ToolFilter | None = None


RealServer = StdioServer | HttpServer


class OpenServers(Protocol):
    """A source in a worker, a context manager: it ends what it has started."""

    def __enter__(self) -> Self:
        """Open it."""
        ...

    def __exit__(self, *_: object) -> None:
        """End what it has started."""
        ...

    def attach(self, cell: Cell, root: Path) -> RealServer:
        """Return the server that a cell attaches; `root` is the cell's own folder. Raises ServerFault."""
        ...

    def probes(self, cell: Cell, token: str, root: Path, site: str) -> Sequence[Probe]:
        """Return the calls with known answers, with a token of the run and the address of the lab's site in them."""
        ...

    def hide(self, value: Any) -> Any:
        """Return a value without the secrets that were resolved here."""
        ...


class WorkerServers(Protocol):
    """What a worker is told of a source: data, and how to open it."""

    def open(self) -> OpenServers:
        """Return the source, to be entered before the agent's own code is loaded."""
        ...


class ServerSource(Protocol):
    """A source as a run sees it."""

    @property
    def assigned(self) -> Mapping[str, Collection[str]] | None:
        """The servers of each agent, where not every agent is asked about every server."""
        ...

    @property
    def options(self) -> tuple[str, ...]:
        """The words of the command line that name the source."""
        ...

    def servers(self) -> tuple[Server, ...]:
        """Return the servers as a plan has them, sorted."""
        ...

    def lacking(self, names: Collection[str], note: Callable[[str], None]) -> Mapping[str, str]:
        """Return why some of these servers cannot be attached here; installs, on first use, what they need."""
        ...

    def described(self, header: RunHeader) -> RunHeader:
        """Return a run's header with what it says of this source."""
        ...

    def serving(self, names: Collection[str], folder: Path) -> AbstractContextManager[ServerSource]:
        """Hold open for a run what its workers share of these servers, in a folder; gives the source for them."""
        ...

    def for_worker(self, names: Collection[str]) -> WorkerServers:
        """Return what a worker needs to attach these servers, and nothing about others."""
        ...


SourceReader = Callable[[Sequence[str], Callable[[str], None]], ServerSource]
"""Reads a source for agents of these names; is given whom to tell what is being waited for."""
