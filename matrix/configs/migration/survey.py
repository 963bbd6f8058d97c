"""What a migration would do: every legacy row, what becomes of it, and what stands in the way; nothing is written."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.migration import journal
from matrix.configs.migration.legacy import AGENTS, ASSIGNMENTS, BATCH, SERVERS, LegacyTable, RawRow
from matrix.configs.migration.legacy_schema import definitions
from matrix.configs.migration.mapping import Assignment, Mapped, Unmappable, to_config
from matrix.configs.model import ServerConfig, canonical
from matrix.configs.secrets import KEY_VARIABLE, Sealer, secrets_of
from matrix.configs.store import ConfigStore, StoredConfig
from matrix.errors import UsageError


@dataclass(frozen=True)
class Problem:
    """Something that stops a migration: where, and what is to be done about it."""

    where: str
    text: str

    def __str__(self) -> str:
        """Both in one line."""
        return f"{self.where}: {self.text}"


@dataclass(frozen=True)
class Candidate:
    """A legacy server with its assignments, and the config that it maps to; or why it maps to none."""

    key: Any
    name: str
    row: RawRow
    assignments: tuple[Assignment, ...]
    mapped: Mapped | None
    problem: str | None = None


@dataclass(frozen=True)
class MigrationPlan:
    """What a migration will do, and what it finds in its way: nothing is written while there are problems."""

    servers: int = 0
    assignments: int = 0
    new: tuple[str, ...] = ()
    done: int = 0
    present: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    for_nobody: tuple[str, ...] = ()
    with_secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    fingerprint: str = ""
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    defined: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Statements that make a table again: see `legacy_schema.definitions`."""


class Survey:
    """The legacy tables, read within one transaction."""

    def __init__(
        self, connection: AsyncConnection, tables: Mapping[str, LegacyTable], agents: Mapping[str, str]
    ) -> None:
        self.connection = connection
        self.tables = tables
        self.agents = agents
        """Agents' names by id."""
        self.digest = hashlib.sha256()

    @classmethod
    async def open(cls, connection: AsyncConnection) -> Survey:
        """Describe the tables and read the agents. Raises UsageError when a table is not there."""
        tables = {name: await LegacyTable.describe(connection, name) for name in (AGENTS, SERVERS, ASSIGNMENTS)}
        found = await connection.execute(text("select id, name from agents"))
        return cls(connection, tables, {str(key): str(name) for key, name in found})

    async def candidates(self) -> AsyncIterator[list[Candidate]]:
        """Yield the servers by id, in batches."""
        batch: list[RawRow] = []
        async for row in self.tables[SERVERS].rows(self.connection):
            batch.append(row)
            if len(batch) == BATCH:
                yield await self.mapped(batch)
                batch = []
        if batch:
            yield await self.mapped(batch)

    async def mapped(self, rows: Sequence[RawRow]) -> list[Candidate]:
        """Return what becomes of these rows."""
        by_server: dict[str, list[Assignment]] = {str(row["id"]): [] for row in rows}
        keys = [int(key) for key in by_server]
        for row in await self.tables[ASSIGNMENTS].rows_where(self.connection, "mcp_server_id", keys):
            agent = self.agents.get(str(row["agent_id"]))
            if agent is not None:
                by_server[str(row["mcp_server_id"])].append(Assignment(agent, row))
        return [self._candidate(row, by_server[str(row["id"])]) for row in rows]

    def _candidate(self, row: RawRow, assignments: list[Assignment]) -> Candidate:
        self.digest.update(canonical([row, [each.row for each in assignments]]).encode("utf-8", "surrogatepass"))
        key = int(str(row["id"]))
        shown = str(row.get("name"))
        try:
            return Candidate(key, shown, row, tuple(assignments), to_config(row, assignments))
        except Unmappable as problem:
            return Candidate(key, shown, row, tuple(assignments), None, str(problem))

    async def orphans(self) -> list[Problem]:
        """Name each assignment whose agent or server does not exist: whom it was meant for, nobody can say."""
        found = await self.connection.execute(
            text(
                "select a.id, a.agent_id, a.mcp_server_id, agents.id, s.id from agent_mcp_servers a"
                " left join agents on agents.id = a.agent_id left join mcp_servers s on s.id = a.mcp_server_id"
                " where agents.id is null or s.id is null order by a.id"
            )
        )
        return [
            Problem(
                f"agent_mcp_servers {key}",
                f"is an orphan: there is no {f'agent {agent}' if there is None else f'server {server}'};"
                " delete the assignment, or restore what it refers to",
            )
            for key, agent, server, there, _ in found
        ]


async def make_plan(database: Database, sealer: Sealer, *, exclude: Sequence[str] = ()) -> MigrationPlan:
    """Say what a migration would do, without doing it. Raises UsageError when there is nothing to migrate from."""
    await database.check()
    async with database.reading() as connection:
        return await survey(await Survey.open(connection), sealer, exclude)


async def survey(found: Survey, sealer: Sealer, exclude: Sequence[str]) -> MigrationPlan:
    """Read everything once and judge it."""
    store = ConfigStore(found.connection, sealer)
    active = await journal.active(found.connection)
    done = set[str]() if active is None else await journal.names(found.connection, active.id)
    judge = _Judge(store, sealer, done, frozenset(exclude))
    judge.problems += await found.orphans()
    async for batch in found.candidates():
        await judge.look_at(batch)
    unknown = set(exclude) - judge.excluded
    if unknown:
        raise UsageError(f"--exclude {min(unknown)}: the legacy tables have no such server")
    present = tuple([each.name async for each in store.stream_mcp_configs() if each.name not in done])
    return MigrationPlan(
        servers=judge.servers,
        assignments=judge.assignments,
        new=tuple(judge.new),
        done=judge.done_already,
        present=present,
        excluded=tuple(sorted(judge.excluded)),
        for_nobody=tuple(judge.for_nobody),
        with_secrets=tuple(judge.with_secrets),
        notes=tuple(judge.notes),
        problems=tuple(judge.problems),
        fingerprint=found.digest.hexdigest(),
        columns={name: table.types for name, table in found.tables.items()},
        defined={name: await definitions(found.connection, name) for name in (SERVERS, ASSIGNMENTS)},
    )


class _Judge:
    """Looks at one batch after another, and remembers what matters."""

    def __init__(self, store: ConfigStore, sealer: Sealer, done: set[str], exclude: frozenset[str]) -> None:
        self._store, self._sealer, self._done, self._exclude = store, sealer, done, exclude
        self._names: dict[str, Any] = {}
        self._folded: dict[str, str] = {}
        self.servers = self.assignments = self.done_already = 0
        self.excluded: set[str] = set()
        self.new: list[str] = []
        self.for_nobody: list[str] = []
        self.with_secrets: list[str] = []
        self.notes: list[str] = []
        self.problems: list[Problem] = []

    async def look_at(self, batch: Sequence[Candidate]) -> None:
        """Judge a batch."""
        names = [each.mapped.config.name for each in batch if each.mapped is not None]
        there = await self._store.find_mcp_configs(names)
        for each in batch:
            self.servers += 1
            self.assignments += len(each.assignments)
            if each.name in self._exclude:
                self.excluded.add(each.name)
            elif each.mapped is None:
                self.problems.append(Problem(_place(each), str(each.problem)))
            elif self._is_first(each):
                self._judge(each, each.mapped, there.get(each.mapped.config.name))

    def _is_first(self, each: Candidate) -> bool:
        if each.name in self._names:
            text = f"has the name of mcp_servers {self._names[each.name]}; rename one of them"
            self.problems.append(Problem(_place(each), text))
            return False
        self._names[each.name] = each.key
        folded = unicodedata.normalize("NFKC", each.name).casefold()
        if folded in self._folded:
            self.notes.append(f"{each.name!r} and {self._folded[folded]!r} differ in case or writing only")
        self._folded.setdefault(folded, each.name)
        return True

    def _judge(self, each: Candidate, mapped: Mapped, stored: StoredConfig | None) -> None:
        config = mapped.config
        self.notes += [f"{each.name!r}: {note}" for note in mapped.notes]
        if config.name in self._done:
            self.done_already += 1
            return
        if stored is not None:
            self.problems.append(
                Problem(_place(each), "the store has a config of this name, from elsewhere; rename or remove one")
            )
            return
        self.new.append(config.name)
        if not config.agents:
            self.for_nobody.append(config.name)
        if secrets_of(config.to_json()):
            self.with_secrets.append(config.name)
            if self._sealer.key is None:
                self.problems.append(
                    Problem(_place(each), f"holds a secret in clear; set {KEY_VARIABLE}, and it will be sealed")
                )


def _place(each: Candidate) -> str:
    return f"mcp_servers {each.key} ({each.name!r})"


def same(left: ServerConfig, right: ServerConfig, sealer: Sealer) -> bool:
    """Whether two configs say the same, whatever is sealed in them."""
    first, second = left.to_json(), right.to_json()
    return first == second or sealer.unsealed(first) == sealer.unsealed(second)
