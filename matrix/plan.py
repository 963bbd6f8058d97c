"""Planning: which cells a run will ask, decided before anything starts; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from matrix.errors import BadShard, NothingToAsk, UnknownCell, UnknownName
from matrix.model import (
    ANY_REVISION,
    CONTROL,
    Agent,
    Capability,
    Cell,
    Server,
    ServerKind,
    Transport,
    Verdict,
)
from matrix.planned import Plan, Planned
from matrix.shard import Shard


@dataclass(frozen=True)
class Filters:
    """What a run is narrowed to; globs; nothing means everything."""

    agents: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    def options(self) -> Iterable[tuple[str, str]]:
        """Yield the options of the command line that say this, each with its value."""
        given = {
            "--agent": self.agents,
            "--server": self.servers,
            "--transport": self.transports,
            "--capability": self.capabilities,
            "--revision": self.revisions,
            "--cell": self.cells,
        }
        return ((option, value) for option, values in given.items() for value in values)


@dataclass(frozen=True)
class Machine:
    """What this machine lacks: reasons by real server and by agent."""

    servers: Mapping[str, str] = field(default_factory=dict[str, str])
    agents: Mapping[str, str] = field(default_factory=dict[str, str])


def make_plan(
    agents: Sequence[Agent],
    capabilities: Sequence[Capability],
    servers: Sequence[Server],
    filters: Filters | None = None,
    machine: Machine | None = None,
    *,
    shard: tuple[int, int] = (1, 1),
    seconds: Mapping[str, float] | None = None,
    assigned: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """Return the ordered cells of a run.

    The control's cells of the same columns are always among them: without it a red cell could be our own fault.
    `assigned` are the servers of each agent, where not everyone is asked about every server; of the capabilities only
    those for real servers are asked then.
    `shard` (i of n, from 1) takes columns, so that each shard has the control of its own; they are divided by the
    `seconds` that a cell of each capability has taken before.
    Raises UsageError, with the nearest names, for a filter that matches nothing, and for filters that leave nothing.
    """
    filters = filters or Filters()
    if assigned is not None:
        capabilities = [each for each in capabilities if each.real]
    every = candidates(agents, capabilities, servers, assigned)
    _check(filters, agents, capabilities, servers, every, stored=assigned is not None)
    cells = selected(every, filters)
    part = None
    if shard != (1, 1):
        dealt = shares(cells, shard[1], _weights(capabilities, seconds or {}))
        plan = fingerprint(cells, dealt)
        cells = [cell for cell in cells if dealt[cell.column] == shard[0]]
        part = Shard(*shard, plan, len(cells))
    rows, columns = {cell.agent for cell in cells}, {cell.capability for cell in cells}
    decide = _Decision(agents, capabilities, servers, machine or Machine())
    return Plan(
        tuple(decide.planned(cell) for cell in cells),
        tuple(agent for agent in agents if agent.name in rows),
        tuple(capability for capability in capabilities if capability.id in columns),
        tuple(servers),
        part,
    )


def candidates(
    agents: Sequence[Agent],
    capabilities: Sequence[Capability],
    servers: Sequence[Server],
    assigned: Mapping[str, Collection[str]] | None = None,
) -> list[Cell]:
    """Return every cell there is, agent by agent; the control has every server that anybody has."""
    by_name = {server.name: server for server in servers}
    columns = sorted(column for capability in capabilities for column in _columns(capability, by_name))
    return [
        replace(column, agent=agent.name)
        for agent in agents
        for column in columns
        if assigned is None or agent.is_control or column.server in assigned.get(agent.name, ())
    ]


def selected(cells: Sequence[Cell], filters: Filters) -> list[Cell]:
    """Return the cells that the filters leave, and the control's of the same columns, in their order.

    Raises UsageError where none is left.
    """
    asked = {cell for cell in cells if _passes(cell, filters)}
    if not asked:
        raise NothingToAsk(filters.options())
    columns = {cell.column for cell in asked}
    return [cell for cell in cells if cell in asked or (cell.agent == CONTROL and cell.column in columns)]


def shares(cells: Sequence[Cell], parts: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Return which part, from 1, each column belongs to, so that all take as long: the longest is dealt first.

    `weights` are seconds of a cell, by capability. The same plan and weights are always divided alike.
    """
    taken: dict[str, float] = {}
    for cell in cells:
        taken[cell.column] = taken.get(cell.column, 0.0) + weights[cell.capability]
    loads = [0.0] * parts
    dealt: dict[str, int] = {}
    for column in sorted(taken, key=lambda each: (-taken[each], each)):
        part = min(range(parts), key=lambda each: loads[each])
        loads[part] += taken[column]
        dealt[column] = part + 1
    return dealt


def _weights(capabilities: Sequence[Capability], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return how long a cell takes: as long as before; else as all others on average; else as it may."""
    known = [seconds[each.id] for each in capabilities if each.id in seconds]
    if not known:
        return {each.id: each.longest for each in capabilities}
    return {each.id: seconds.get(each.id, sum(known) / len(known)) for each in capabilities}


def fingerprint(cells: Sequence[Cell], dealt: Mapping[str, int]) -> str:
    """Return what tells a plan, and how it was divided, from any other."""
    text = json.dumps([sorted(cell.id for cell in cells), sorted(dealt.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def matching_agents(agents: Sequence[Agent], patterns: Sequence[str]) -> tuple[Agent, ...]:
    """Return the agents that these globs name; all without any. Raises UsageError for a glob that names none."""
    _known("agent", patterns, [agent.name for agent in agents], "list agents")
    return tuple(agent for agent in agents if _matches(agent.name, patterns))


def read_shard(text: str) -> tuple[int, int]:
    """Read `I/N`. Raises UsageError."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise BadShard(text)
    return int(part), int(parts)


def server_labels(capability: Capability) -> tuple[str, ...]:
    """Return the names under which a capability's stubs are attached: two of a kind are told apart by a letter."""
    names = capability.servers
    return tuple(
        f"{name}_{chr(ord('a') + names[:number].count(name))}" if names.count(name) > 1 else name
        for number, name in enumerate(names)
    )


def _columns(capability: Capability, servers: Mapping[str, Server]) -> Iterable[Cell]:
    if capability.real:
        for server in servers.values():
            if server.kind is ServerKind.REAL:
                for transport in server.transports:
                    if transport in capability.transports:
                        yield Cell("", capability.id, (server.name,), transport, ANY_REVISION)
        return
    stubs = [servers[name] for name in capability.servers]
    for transport in capability.transports:
        for revision in capability.revisions:
            if all(transport in stub.transports and revision in stub.revisions for stub in stubs):
                yield Cell("", capability.id, capability.servers, transport, revision)


def _passes(cell: Cell, filters: Filters) -> bool:
    return (
        _matches(cell.agent, filters.agents)
        and _matches(cell.capability, filters.capabilities)
        and any(_matches(name, filters.servers) for name in cell.servers)
        and _matches(cell.transport, filters.transports)
        and _matches(cell.revision, filters.revisions)
        and (not filters.cells or any(cell.matches(pattern) for pattern in filters.cells))
    )


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


class _Decision:
    """What is known of a cell before anything is started."""

    def __init__(
        self,
        agents: Sequence[Agent],
        capabilities: Sequence[Capability],
        servers: Sequence[Server],
        machine: Machine,
    ) -> None:
        self._agents = {agent.name: agent for agent in agents}
        self._capabilities = {capability.id: capability for capability in capabilities}
        self._servers = {server.name: server for server in servers}
        self._machine = machine

    def planned(self, cell: Cell) -> Planned:
        """Return the cell, with its verdict where it needs not be asked."""
        agent = self._agents[cell.agent]
        if agent.problem is not None:
            return Planned(cell, Verdict.FAILED, str(agent.problem))
        if agent.name in self._machine.agents:
            return Planned(cell, Verdict.SKIPPED, self._machine.agents[agent.name])
        reason = next(filter(None, (self._lacking(cell, self._servers[name]) for name in cell.servers)), None)
        return Planned(cell) if reason is None else Planned(cell, Verdict.SKIPPED, reason)

    def _lacking(self, cell: Cell, server: Server) -> str | None:
        if server.kind is ServerKind.REAL and server.name in self._machine.servers:
            return self._machine.servers[server.name]
        if self._capabilities[cell.capability].probes and server.unprobed is not None:
            return f"{server.name}: {server.unprobed}"
        return None


def _check(
    filters: Filters,
    agents: Sequence[Agent],
    capabilities: Sequence[Capability],
    servers: Sequence[Server],
    cells: Sequence[Cell],
    *,
    stored: bool,
) -> None:
    """Refuse a filter that matches nothing."""
    _known("agent", filters.agents, [agent.name for agent in agents], "list agents")
    _known("server", filters.servers, [each.name for each in servers], "configs list" if stored else "list servers")
    _known("capability", filters.capabilities, [each.id for each in capabilities], "list capabilities")
    _known("transport", filters.transports, tuple(Transport))
    _known("revision", filters.revisions, sorted({cell.revision for cell in cells}))
    for pattern in filters.cells:
        if not any(cell.matches(pattern) for cell in cells):
            raise UnknownCell(pattern, [cell.id for cell in cells])


def _known(noun: str, patterns: Sequence[str], names: Sequence[str], listed: str | None = None) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownName(noun, pattern, names, listed)
