"""The staged rollout: which store an agent reads, and which of them a change has to reach.

| mode | its agent reads | a change of its servers goes to |
|---|---|---|
| `legacy` | the legacy tables | both, once there was a migration |
| `shadow` | the legacy tables; the new store is read too, and differences are recorded | both |
| `dual` | the new store | both |
| `new` | the new store | the new store, where all agents of the server are that far |

So the new store never falls behind, and an agent can go a step back as long as the legacy tables keep up. Before a
migration there is only `legacy`; without legacy tables there is only `new`. The agent `*` is everyone not named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import has_legacy_tables
from matrix.configs.migration import journal
from matrix.configs.migration.legacy import SERVERS
from matrix.configs.migration.migrate import exclude_others
from matrix.configs.migration.survey import Candidate, Survey
from matrix.configs.migration.verify import differing, facts_of
from matrix.configs.model import EVERY_AGENT, ServerConfig
from matrix.configs.schema import DIFFERENCES, ROLLOUT
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore, now
from matrix.errors import UsageError

ABSENT = "(absent)"
"""The field under which a server is recorded that only one of the stores has for an agent."""


class Mode(StrEnum):
    """How far an agent has come."""

    LEGACY = "legacy"
    SHADOW = "shadow"
    DUAL = "dual"
    NEW = "new"

    @property
    def reads_legacy(self) -> bool:
        """Whether the agent still reads the legacy tables."""
        return self in {Mode.LEGACY, Mode.SHADOW}


@dataclass(frozen=True)
class AgentProgress:
    """How far an agent has come, and what was seen on the way."""

    agent: str
    mode: Mode
    updated_at: datetime
    reads: int
    differing_reads: int
    errors: int


@dataclass(frozen=True)
class Modes:
    """The modes in force, read once for a transaction."""

    default: Mode
    by_agent: Mapping[str, Mode]

    def of(self, agent: str) -> Mode:
        """Return an agent's mode."""
        return self.by_agent.get(agent, self.default)

    def among(self, agents: Sequence[str]) -> set[Mode]:
        """Return the modes of everyone whom a server with these agents concerns."""
        if EVERY_AGENT in agents or not agents:
            return {self.default, *self.by_agent.values()}
        return {self.of(agent) for agent in agents}


async def modes(connection: AsyncConnection) -> Modes:
    """Read the modes in force."""
    if not await connection.run_sync(has_legacy_tables):
        return Modes(Mode.NEW, {})
    if await journal.active(connection) is None:
        return Modes(Mode.LEGACY, {})
    found = await connection.execute(select(ROLLOUT.c.agent, ROLLOUT.c.mode))
    stored = {agent: Mode(mode) for agent, mode in found}
    default = stored.pop(EVERY_AGENT, Mode.LEGACY)
    return Modes(default, stored)


async def set_mode(connection: AsyncConnection, agent: str, mode: Mode, sealer: Sealer) -> Mode:
    """Move an agent (`*`: everyone not named) to a mode, and return the one that it had.

    Raises UsageError before a migration, without legacy tables, and where an agent would come to read a store that
    has fallen behind: its servers have to say the same in both.
    """
    if not await connection.run_sync(has_legacy_tables):
        raise UsageError("there are no legacy tables: every agent reads the new store")
    if await journal.active(connection) is None:
        raise UsageError(
            "there was no migration yet: every agent reads the legacy tables (`python -m matrix configs migrate`)"
        )
    await exclude_others(connection)
    known = await modes(connection)
    before = known.default if agent == EVERY_AGENT else known.of(agent)
    if before is not mode and before is Mode.NEW:
        await _in_step(connection, agent, sealer)
    changed = await connection.execute(
        update(ROLLOUT).where(ROLLOUT.c.agent == agent).values(mode=mode.value, updated_at=now())
    )
    if changed.rowcount == 0:
        row = {"agent": agent, "mode": mode.value, "updated_at": now()}
        await connection.execute(insert(ROLLOUT), row)
    return before


async def _in_step(connection: AsyncConnection, agent: str, sealer: Sealer) -> None:
    survey, store = await Survey.open(connection), ConfigStore(connection, sealer)
    who = None if agent == EVERY_AGENT else agent
    new = {each.name: each.config for each in await store.list_mcp_configs(who)}
    old = (await legacy_configs(survey, who)).configs
    behind = sorted(name for name in {*new, *old} if _fields(old.get(name), new.get(name), sealer))
    if behind:
        raise UsageError(
            f"the legacy tables have fallen behind ({_some(behind)}): "
            "`python -m matrix configs rollback` writes to them what changed, no single agent can go back"
        )


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + rest


@dataclass(frozen=True)
class LegacyConfigs:
    """The servers of the legacy tables as configs by name; and those that no config can be made of."""

    configs: Mapping[str, ServerConfig]
    unreadable: tuple[Candidate, ...]


async def legacy_configs(survey: Survey, agent: str | None, *, enabled_only: bool = False) -> LegacyConfigs:
    """Read the servers that the legacy tables assign to an agent, or all of them."""
    configs: dict[str, ServerConfig] = {}
    unreadable: list[Candidate] = []
    async for batch in _batches(survey, agent):
        for each in batch:
            if each.mapped is None:
                unreadable.append(each)
            elif each.mapped.config.enabled or not enabled_only:
                configs[each.name] = each.mapped.config
    return LegacyConfigs(dict(sorted(configs.items())), tuple(unreadable))


async def _batches(survey: Survey, agent: str | None) -> AsyncIterator[list[Candidate]]:
    if agent is None:
        async for batch in survey.candidates():
            yield batch
        return
    names = await ConfigStore(survey.connection).get_agent_server_assignments(agent)
    yield await survey.mapped(await survey.tables[SERVERS].rows_where(survey.connection, "name", names))


def compare(
    old: Mapping[str, ServerConfig], new: Mapping[str, ServerConfig], sealer: Sealer
) -> dict[tuple[str, str], None]:
    """Return what two readings for one agent differ in: (server, field), sorted."""
    found = {(name, field): None for name in {*old, *new} for field in _fields(old.get(name), new.get(name), sealer)}
    return dict(sorted(found.items()))


def _fields(old: ServerConfig | None, new: ServerConfig | None, sealer: Sealer) -> tuple[str, ...]:
    if old is None or new is None:
        return (ABSENT,)
    return differing(facts_of(old, sealer), facts_of(new, sealer))


async def record_read(
    connection: AsyncConnection, agent: str, differences: Sequence[tuple[str, str]], *, errors: int = 0
) -> None:
    """Count a read of an agent in shadow, and remember what differed."""
    counts = {
        "reads": ROLLOUT.c.reads + 1,
        "differing_reads": ROLLOUT.c.differing_reads + (1 if differences else 0),
        "errors": ROLLOUT.c.errors + errors,
    }
    changed = await connection.execute(update(ROLLOUT).where(ROLLOUT.c.agent == agent).values(**counts))
    if changed.rowcount == 0:
        mode = (await modes(connection)).of(agent)
        first = {"reads": 1, "differing_reads": int(bool(differences)), "errors": errors}
        await connection.execute(insert(ROLLOUT), {"agent": agent, "mode": mode.value, "updated_at": now(), **first})
    for server, field in differences:
        key = (DIFFERENCES.c.agent == agent) & (DIFFERENCES.c.server == server) & (DIFFERENCES.c.field == field)
        again = await connection.execute(
            update(DIFFERENCES).where(key).values(times=DIFFERENCES.c.times + 1, last_seen=now())
        )
        if again.rowcount == 0:
            moment = now()
            row = {"agent": agent, "server": server, "field": field, "first_seen": moment, "last_seen": moment}
            await connection.execute(insert(DIFFERENCES), {**row, "times": 1})


async def progress(connection: AsyncConnection) -> list[AgentProgress]:
    """Return how far the named agents have come, sorted, `*` first."""
    found = await connection.execute(select(ROLLOUT).order_by(ROLLOUT.c.agent))
    rows = [
        AgentProgress(row.agent, Mode(row.mode), row.updated_at, row.reads, row.differing_reads, row.errors)
        for row in found
    ]
    return sorted(rows, key=lambda row: (row.agent != EVERY_AGENT, row.agent))
