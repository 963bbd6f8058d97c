"""Planning: which cells a run will ask, decided before anything starts; pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from matrix.errors import UsageError
from matrix.model import ANY_REVISION, TRANSPORTS, Agent, Capability, Cell, Plan, Planned, Server, Verdict


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
) -> Plan:
    """Return the ordered cells of a run.

    The control's cells of the same columns are always among them: without it a red cell could be our own fault.
    `shard` (i of n, from 1) takes every n-th column, so that each shard has the control of its columns.
    Raises UsageError, with the nearest names, for a filter that matches nothing, and for filters that leave nothing.
    """
    filters = filters or Filters()
    machine = machine or Machine()
    by_name = {server.name: server for server in servers}
    every = [column for capability in capabilities for column in _columns(capability, by_name)]
    _known("agent", filters.agents, [agent.name for agent in agents])
    _known("server", filters.servers, [server.name for server in servers])
    _known("capability", filters.capabilities, [capability.id for capability in capabilities])
    _known("transport", filters.transports, TRANSPORTS)
    _known("revision", filters.revisions, sorted({column.revision for column in every}))
    _known_cells(filters.cells, [replace(column, agent=agent.name) for agent in agents for column in every])
    columns = [column for column in every if _wanted_column(column, filters)]
    asked: dict[str, Planned] = {}
    kept: set[str] = set()
    for agent in agents:
        if _matches(agent.name, filters.agents):
            for cell in (replace(column, agent=agent.name) for column in columns):
                if _matches_cell(cell, filters.cells):
                    asked[cell.id] = _planned(cell, agent, by_name, machine)
                    kept.add(cell.column)
    for control in (agent for agent in agents if agent.is_control):
        for cell in (replace(column, agent=control.name) for column in columns):
            if cell.column in kept:
                asked.setdefault(cell.id, _planned(cell, control, by_name, machine))
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
            if server.kind == "real":
                for transport in server.transports:
                    if transport in capability.transports:
                        yield Cell("", capability.id, server.name, transport, ANY_REVISION)
        return
    stubs = [servers[name] for name in capability.servers]
    for transport in capability.transports:
        for revision in capability.revisions:
            if all(transport in stub.transports and revision in stub.revisions for stub in stubs):
                yield Cell("", capability.id, "+".join(capability.servers), transport, revision)


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


def _planned(cell: Cell, agent: Agent, servers: Mapping[str, Server], machine: Machine) -> Planned:
    if agent.problem is not None:
        return Planned(cell, Verdict.FAILED, str(agent.problem))
    if agent.name in machine.agents:
        return Planned(cell, Verdict.SKIPPED, machine.agents[agent.name])
    for name in cell.server.split("+"):
        if servers[name].kind == "real" and name in machine.servers:
            return Planned(cell, Verdict.SKIPPED, machine.servers[name])
    return Planned(cell)


def _known(noun: str, patterns: Sequence[str], names: Sequence[str]) -> None:
    listed = {"agent": "agents", "server": "servers", "capability": "capabilities"}.get(noun)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            mend = f"; there are {', '.join(names)}"
            if listed is not None:
                mend = f"{nearest(pattern, names)}; see `python -m matrix list {listed}`"
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
