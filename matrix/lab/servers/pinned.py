"""The real servers that a file pins, as a source: installed on first use, started for the cells that ask about them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from matrix.lab.servers.http_servers import HttpServers
from matrix.lab.servers.preforking import preforking
from matrix.lab.servers.prepare import filled, prepare_stdio, unavailable
from matrix.lab.servers.real import PinnedServer, load_real_servers
from matrix.model import ANY_REVISION, Cell, Probe, Server, ServerKind, Transport
from matrix.outcome import RunHeader
from matrix.placeholders import fill
from matrix.registry import environments
from matrix.registry.environments import EnvironmentSpec, EnvironmentUnavailable
from matrix.sources import HttpServer, ServerSource, StdioServer


@dataclass(frozen=True)
class PinnedServers:
    """The servers of a file such as `real.toml`; none without a file. A `ServerSource`, and a `WorkerServers`."""

    file: Path | None = None
    preforked: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """The sockets of processes that fork servers of these names (prefork.py)."""

    @property
    def assigned(self) -> None:
        """Every agent is asked about every server."""
        return

    @property
    def options(self) -> tuple[str, ...]:
        """They are asked about without being named."""
        return ()

    @cached_property
    def pinned(self) -> Mapping[str, PinnedServer]:
        """The servers by name. Raises ConfigurationError."""
        return {} if self.file is None else {server.name: server for server in load_real_servers(self.file)}

    def servers(self) -> tuple[Server, ...]:
        """Return the servers as a plan has them, sorted."""
        return tuple(
            Server(
                each.name,
                each.summary,
                ServerKind.REAL,
                tuple(way for way, start in ((Transport.STDIO, each.stdio), (Transport.HTTP, each.http)) if start),
                (ANY_REVISION,),
            )
            for _, each in sorted(self.pinned.items())
        )

    def lacking(self, names: Collection[str], note: Callable[[str], None]) -> Mapping[str, str]:
        """Return why some of these servers cannot be had here; installs the environments of the others."""
        reasons: dict[str, str] = {}
        failed: dict[EnvironmentSpec, str] = {}
        for name, server in sorted(self.pinned.items()):
            if name in names:
                spec = server.environment
                reason = unavailable(server) or failed.get(spec) or _not_installed(spec, note)
                if reason is not None:
                    reasons[name] = failed[spec] = reason
        return reasons

    def described(self, header: RunHeader) -> RunHeader:
        """Return a run's header with the packages that the servers pin."""
        pins = {name: (*each.environment.pypi, *each.environment.npm) for name, each in sorted(self.pinned.items())}
        return replace(header, servers=pins)

    @contextmanager
    def serving(self, names: Collection[str], folder: Path) -> Generator[ServerSource]:
        """Have the Python programs among these servers imported once for the whole run."""
        programs = {name: Path(script) for name in sorted(names) if (script := self._script(name)) is not None}
        with preforking(programs, folder) as preforked:
            yield replace(self, preforked=preforked)

    def _script(self, name: str) -> str | None:
        server = self.pinned[name]
        if server.stdio is None:
            return None
        return str(fill(server.stdio[0], {"bin": str(environments.bin_path(server.environment))}))

    def for_worker(self, names: Collection[str]) -> PinnedServers:
        """Return the same: a worker reads the file when a cell asks for one of them."""
        return PinnedServers(self.file, {name: each for name, each in self.preforked.items() if name in names})

    def open(self) -> OpenPinnedServers:
        """Return the servers as a worker attaches them."""
        return OpenPinnedServers(self)


class OpenPinnedServers:
    """Pinned servers in a worker; those over HTTP are started once, and end with it."""

    def __init__(self, source: PinnedServers) -> None:
        self._source = source
        self._http = HttpServers()

    def __enter__(self) -> Self:
        self._http.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__(None, None, None)

    def attach(self, cell: Cell, root: Path) -> StdioServer | HttpServer:
        """Return the cell's server. Raises ServerFault when one over HTTP does not come up."""
        server = self._source.pinned[cell.server]
        if cell.transport == Transport.HTTP:
            return HttpServer(self._http.url(server))
        return replace(prepare_stdio(server, root), prefork=self._source.preforked.get(server.name))

    def probes(self, cell: Cell, token: str, root: Path, site: str) -> Sequence[Probe]:
        """Return the calls with known answers that the file has."""
        server = self._source.pinned[cell.server]
        root = self._http.root(cell.server) if cell.transport == Transport.HTTP else root
        return [filled(probe, root, token, site) for probe in server.probes]

    def hide(self, value: Any) -> Any:
        """Return the value: nothing secret is resolved here."""
        return value


def _not_installed(spec: EnvironmentSpec, note: Callable[[str], None]) -> str | None:
    try:
        environments.ensure(spec, note)
    except EnvironmentUnavailable as problem:
        return problem.reason
    return None
