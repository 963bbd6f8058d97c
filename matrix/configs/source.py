"""A config store as a source of servers: the one door through which a run sees what is configured.

What is read is plain data with its references in place; only in the worker, when a cell attaches a server, are
they resolved, and what was put in is hidden in everything that is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from matrix.configs.assigned import Assigned, Resolved, Resolver, read_assigned
from matrix.configs.extras import needs
from matrix.errors import ServerFault, UsageError
from matrix.model import ANY_REVISION, Cell, Probe, Server, ServerKind, Transport
from matrix.outcome import ConfigsHeader, RunHeader
from matrix.placeholders import fill
from matrix.processes import MARK, mark
from matrix.redaction import hide
from matrix.sources import HttpServer, ServerSource, SourceReader, StdioServer
from matrix.tool_filter import ToolFilter


def reader(url: str, policy: Path | None) -> SourceReader:
    """Return what reads the servers that a store assigns to agents; `policy` replaces parts of the default one."""

    def read(agents: Sequence[str], note: Callable[[str], None]) -> ConfigStore:
        with needs("configs"):
            assigned = read_assigned(url, agents, policy)
        if not assigned.servers:
            raise UsageError(
                f"{assigned.shown} has no enabled server for {', '.join(agents)}; "
                "`python -m matrix configs list` shows whom it has servers for"
            )
        without = [name for name in agents if not assigned.by_agent[name]]
        if without:
            note(f"{assigned.shown} has no enabled server for {', '.join(without)}")
        return ConfigStore(assigned, policy)

    return read


@dataclass(frozen=True)
class ConfigStore:
    """The servers that a store assigns to the agents of a run: a `ServerSource`."""

    read: Assigned
    policy: Path | None = None

    @property
    def assigned(self) -> Mapping[str, Collection[str]]:
        """The labels of each agent's servers."""
        return self.read.by_agent

    @property
    def options(self) -> tuple[str, ...]:
        """The options that name the store, its password masked."""
        policy = () if self.policy is None else ("--configs-policy", str(self.policy))
        return ("--configs", self.read.shown, *policy)

    def servers(self) -> tuple[Server, ...]:
        """Return the servers as a plan has them."""
        return tuple(
            Server(label, each.summary, ServerKind.REAL, (Transport(each.transport),), (ANY_REVISION,), each.unprobed)
            for label, each in self.read.servers.items()
        )

    def lacking(self, names: Collection[str], note: Callable[[str], None]) -> Mapping[str, str]:
        """Return why some of the servers cannot be attached; nothing is installed for them."""
        del note
        return {
            label: each.problem
            for label, each in self.read.servers.items()
            if label in names and each.problem is not None
        }

    def described(self, header: RunHeader) -> RunHeader:
        """Return a run's header with where the store is, and which config of each server was asked about."""
        prints = {label: each.fingerprint for label, each in self.read.servers.items()}
        return replace(header, configs=ConfigsHeader(self.read.shown, prints))

    def serving(self, names: Collection[str], folder: Path) -> AbstractContextManager[ServerSource]:
        """Return the same: nothing is shared, since what a server is started with is resolved in the worker."""
        del names, folder
        return nullcontext(self)

    def for_worker(self, names: Collection[str]) -> AssignedServers:
        """Return these servers, unresolved: no worker is told of other agents' servers."""
        return AssignedServers(self.read.only(set(names)))


@dataclass(frozen=True)
class AssignedServers:
    """What a worker is told: servers with their references in place."""

    assigned: Assigned

    def open(self) -> ResolvingServers:
        """Return the servers as a worker attaches them; to be called before the agent's own code is loaded."""
        return ResolvingServers(self.assigned)


class ResolvingServers:
    """A store's servers in a worker: resolved when a cell attaches one, hidden in all that is kept."""

    def __init__(self, assigned: Assigned) -> None:
        self._servers = assigned.servers
        self._resolver = Resolver()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is started here."""

    def attach(self, cell: Cell, root: Path) -> StdioServer | HttpServer:
        """Return a cell's server. Raises ServerFault when a value has gone since the run was planned."""
        server = self._servers[cell.server]
        try:
            resolved = self._resolver.resolve(server)
        except UsageError as problem:
            raise ServerFault(f"{server.name}: {problem}") from problem
        tools = ToolFilter(server.include, server.exclude)
        if server.transport == Transport.STDIO:
            return _started(resolved, root, tools)
        return HttpServer(str(resolved.url), resolved.headers, private=True, tools=tools)

    def probes(self, cell: Cell, token: str, root: Path, site: str) -> Sequence[Probe]:
        """Return the calls of known answers that the server's config has."""
        values = {"root": str(root), "token": token, "site": site}
        return [
            Probe(each.tool, fill(each.arguments, values), fill(each.contains, values))
            for each in self._servers[cell.server].probes
        ]

    def hide(self, value: Any) -> Any:
        """Return a value without what was put into the configs in this worker."""
        return hide(value, self._resolver.secrets)


def _started(resolved: Resolved, root: Path, tools: ToolFilter) -> StdioServer:
    """Return what starts a stdio server: of our own environment it gets the path, and a home that is the cell's."""
    home = root / "home"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    ours = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "TMPDIR": str(home / "tmp")}
    env = {**ours, **resolved.environment, MARK: mark()}
    cwd = root if resolved.cwd is None else Path(resolved.cwd)
    return StdioServer(resolved.argv, env, cwd, private=True, tools=tools)
