"""Servers of a config store, as a worker attaches them: resolved when a cell wants one, hidden in all that is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matrix.capabilities.verbs import ServerFault
from matrix.configs.assigned import Assigned, Resolved, Resolver
from matrix.engine.entry import MARK
from matrix.errors import UsageError
from matrix.lab.servers.prepare import filled
from matrix.lab.servers.spec import HttpServer, Prepared, ServerSpec, StdioServer
from matrix.model import Cell, Probe, Transport
from matrix.redaction import hide
from matrix.tool_filter import ToolFilter


class AssignedServers:
    """The servers that a store assigns to a worker's agent; to be made before the agent's own code is loaded."""

    def __init__(self, assigned: Assigned) -> None:
        self._servers = assigned.servers
        self._resolver = Resolver()

    def wanted(self, cell: Cell, root: Path) -> ServerSpec:
        """Return what a cell wants attached. Raises ServerFault when a value has gone since the run was planned."""
        server = self._servers[cell.server]
        try:
            resolved = self._resolver.resolve(server)
        except UsageError as problem:
            msg = f"{server.name}: {problem}"
            raise ServerFault(msg) from problem
        tools = ToolFilter(server.include, server.exclude)
        if server.transport == Transport.STDIO:
            return StdioServer(cell.server, _prepared(resolved, root), private=True, tools=tools)
        return HttpServer(cell.server, str(resolved.url), resolved.headers, tools=tools)

    def probes(self, cell: Cell, token: str, root: Path) -> Sequence[Probe]:
        """Return the calls of known answers that the server's config has."""
        known = [Probe(each.tool, each.arguments, each.contains) for each in self._servers[cell.server].probes]
        return [filled(each, root, token) for each in known]

    def hide(self, value: Any) -> Any:
        """Return a value without what was put into the configs in this worker."""
        return hide(value, self._resolver.secrets)


def _prepared(resolved: Resolved, root: Path) -> Prepared:
    """Return what starts a stdio server: of our own environment it gets the path, and a home that is the cell's."""
    home = root / "home"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    ours = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "TMPDIR": str(home / "tmp")}
    env = {**ours, **resolved.environment, MARK: os.environ.get(MARK, "")}
    return Prepared(resolved.argv, env, root if resolved.cwd is None else Path(resolved.cwd))
