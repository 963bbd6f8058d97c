"""Planning: which cells a run will ask, decided before anything starts; pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from matrix.errors import UsageError
from matrix.model import ANY_REVISION, Agent, Capability, Cell, Plan, Planned, Server, ServerKind, Transport, Verdict


@dataclass(frozen=True)
class Filters:
    """What a run is narrowed to; globs; nothing means everything."""

    agents: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


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
    assigned: Mapping[str, Collection[str]] | None = None,
) -> Plan:
    """Return the ordered cells of a run.

    The control's cells of the same columns are always among them: without it a red cell could be our own fault.
    `assigned` are the servers of each agent, where not everyone is asked about every server; of the capabilities only
    those for real servers are asked then.
    `shard` (i of n, from 1) takes every n-th column, so that each shard has the control of its columns.
    Raises UsageError, with the nearest names, for a filter that matches nothing, and for filters that leave nothing.
    """
    filters = filters or Filters()
    machine = machine or Machine()
    by_name = {server.name: server for server in servers}
    if assigned is not None:
        capabilities = [each for each in capabilities if each.real]
    by_id = {capability.id: capability for capability in capabilities}
    every = [column for capability in capabilities for column in _columns(capability, by_name)]
    _known("agent", filters.agents, [agent.name for agent in agents])
    _known(
        "server",
        filters.servers,
        [server.name for server in servers],
        "list servers" if assigned is None else "configs list",
    )
    _known("capability", filters.capabilities, [capability.id for capability in capabilities])
    _known("transport", filters.transports, tuple(Transport))
    _known("revision", filters.revisions, sorted({column.revision for column in every}))
    _known_cells(filters.cells, [cell for agent in agents for cell in _row(agent, every, assigned)])
    columns = [column for column in every if _wanted_column(column, filters)]
    asked: dict[str, Planned] = {}
    kept: set[str] = set()
    for agent in agents:
        if _matches(agent.name, filters.agents):
            for cell in _row(agent, columns, assigned):
                if _matches_cell(cell, filters.cells):
                    asked[cell.id] = _planned(cell, agent, by_id[cell.capability], by_name, machine)
                    kept.add(cell.column)
    for control in (agent for agent in agents if agent.is_control):
        for cell in _row(control, columns, assigned):
            if cell.column in kept:
                asked.setdefault(cell.id, _planned(cell, control, by_id[cell.capability], by_name, machine))
    if not asked:
        msg = _nothing_left(filters)
        raise UsageError(msg)
    mine = set(sorted(kept)[shard[0] - 1 :: shard[1]])
    order = {agent.name: number for number, agent in enumerate(agents)}
    cells = sorted(
        (each for each in asked.values() if each.cell.column in mine),
        key=lambda each: (order[each.cell.agent], each.cell),
    )
    rows = {each.cell.agent for each in cells}
    ids = {each.cell.capability for each in cells}
    return Plan(
        tuple(cells),
        tuple(agent for agent in agents if agent.name in rows),
        tuple(capability for capability in capabilities if capability.id in ids),
        tuple(servers),
    )


def matching_agents(agents: Sequence[Agent], patterns: Sequence[str]) -> tuple[Agent, ...]:
    """Return the agents that these globs name; all without any. Raises UsageError for a glob that names none."""
    _known("agent", patterns, [agent.name for agent in agents])
    return tuple(agent for agent in agents if _matches(agent.name, patterns))


def read_shard(text: str) -> tuple[int, int]:
    """Read `I/N`. Raises UsageError."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        msg = f"--shard {text!r} should be I/N with 1 ≤ I ≤ N, such as 2/8"
        raise UsageError(msg)
    return int(part), int(parts)


def nearest(word: str, names: Iterable[str]) -> str:
    """Return `; did you mean …?` with the nearest names, or nothing."""
    close = difflib.get_close_matches(word, list(names), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


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
                        yield Cell("", capability.id, server.name, transport, ANY_REVISION)
        return
    stubs = [servers[name] for name in capability.servers]
    for transport in capability.transports:
        for revision in capability.revisions:
            if all(transport in stub.transports and revision in stub.revisions for stub in stubs):
                yield Cell("", capability.id, "+".join(capability.servers), transport, revision)


def _row(agent: Agent, columns: Iterable[Cell], assigned: Mapping[str, Collection[str]] | None) -> list[Cell]:
    """Return an agent's cells of these columns; the control has every server that anybody has."""
    cells = [replace(column, agent=agent.name) for column in columns]
    if assigned is None or agent.is_control:
        return cells
    return [cell for cell in cells if cell.server in assigned.get(agent.name, ())]


def _wanted_column(cell: Cell, filters: Filters) -> bool:
    return (
        _matches(cell.capability, filters.capabilities)
        and any(_matches(name, filters.servers) for name in cell.server.split("+"))
        and _matches(cell.transport, filters.transports)
        and _matches(cell.revision, filters.revisions)
    )


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def _matches_cell(cell: Cell, patterns: Sequence[str]) -> bool:
    return not patterns or any(cell.matches(pattern) for pattern in patterns)


def _planned(
    cell: Cell, agent: Agent, capability: Capability, servers: Mapping[str, Server], machine: Machine
) -> Planned:
    if agent.problem is not None:
        return Planned(cell, Verdict.FAILED, str(agent.problem))
    if agent.name in machine.agents:
        return Planned(cell, Verdict.SKIPPED, machine.agents[agent.name])
    for name in cell.server.split("+"):
        if servers[name].kind is ServerKind.REAL and name in machine.servers:
            return Planned(cell, Verdict.SKIPPED, machine.servers[name])
        unprobed = servers[name].unprobed
        if capability.probes and unprobed is not None:
            return Planned(cell, Verdict.SKIPPED, f"{name}: {unprobed}")
    return Planned(cell)


def _known(noun: str, patterns: Sequence[str], names: Sequence[str], listed: str | None = None) -> None:
    listed = listed or {"agent": "list agents", "capability": "list capabilities"}.get(noun)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            mend = f"; there are {', '.join(names)}"
            if listed is not None:
                mend = f"{nearest(pattern, names)}; see `python -m matrix {listed}`"
            msg = f"no {noun} is called {pattern!r}{mend}"
            raise UsageError(msg)


def _known_cells(patterns: Sequence[str], cells: Sequence[Cell]) -> None:
    for pattern in patterns:
        if not any(cell.matches(pattern) for cell in cells):
            msg = f"no cell is called {pattern!r}{nearest(pattern, [cell.id for cell in cells])}"
            raise UsageError(msg)


def _nothing_left(filters: Filters) -> str:
    given = {
        "--agent": filters.agents,
        "--server": filters.servers,
        "--transport": filters.transports,
        "--capability": filters.capabilities,
        "--revision": filters.revisions,
        "--cell": filters.cells,
    }
    used = " ".join(f"{option} {value!r}" for option, values in given.items() for value in values)
    return f"no cell is left to ask by {used}: each exists, but no capability asks for them together; drop one"
