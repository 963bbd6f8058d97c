"""The way back: the legacy tables as they were, to the byte, and what the new store changed since written there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.migration import journal
from matrix.configs.migration.legacy import BATCH, SERVERS, LegacyTable, advance_ids
from matrix.configs.migration.legacy_schema import recreate
from matrix.configs.migration.legacy_writer import LegacyWriter
from matrix.configs.migration.merge import Conflict, Merged, Prefer, merge
from matrix.configs.migration.migrate import OnStep, exclude_others, no_step
from matrix.configs.migration.other_tables import Chosen, others_unchanged
from matrix.configs.migration.survey import Candidate, Survey
from matrix.configs.migration.verify import facts_of
from matrix.configs.model import ServerConfig
from matrix.configs.schema import CONFIGS, JOURNAL, ROLLOUT
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore, StoredConfig
from matrix.errors import UsageError


@dataclass(frozen=True)
class Loss:
    """Something of the new store that the legacy tables have no place for."""

    server: str
    what: str

    def __str__(self) -> str:
        """Both in one line."""
        return f"{self.server!r}: {self.what}"


@dataclass(frozen=True)
class RollbackReport:
    """What a rollback did, or would do; names sorted. `aside` is kept with the migration's record."""

    untouched: int = 0
    changed: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    recreated: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    losses: tuple[Loss, ...] = ()
    aside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


class CannotRollBack(UsageError):
    """Something has to be decided first; the report says what, and nothing was written."""

    def __init__(self, report: RollbackReport) -> None:
        self.report = report
        first, *others = [*map(str, report.conflicts or report.losses)]
        more = f" (and {len(others)} more)" if others else ""
        if report.conflicts:
            mend = "decide with --prefer legacy or --prefer new"
        else:
            mend = "the legacy tables have no place for it: --accept-losses sets it aside in the migration's record"
        super().__init__(f"nothing was rolled back: {first}{more}; {mend}")


async def rollback(
    database: Database,
    sealer: Sealer,
    *,
    prefer: Prefer | None = None,
    accept_losses: bool = False,
    dry_run: bool = False,
    on_step: OnStep = no_step,
) -> RollbackReport:
    """Go back to the legacy tables, and take the migrated configs out of the store; all or nothing.

    What was changed, created or deleted in the new store since the migration is written to the legacy tables; rows and
    columns that were not touched there keep their bytes, and no other table is touched. Where both sides changed the
    same field, `prefer` decides. Raises CannotRollBack (conflicts, losses), UsageError (nothing to roll back),
    StillReferenced, OtherTableTouched, CannotUnseal, DatabaseBusy.
    """
    await database.check()
    async with database.writing() as connection:
        await exclude_others(connection)
        on_step("locked")
        migration = await journal.active(connection)
        if migration is None:
            raise UsageError("there is no migration to roll back")
        recreated = await _bring_back(connection, migration, sealer)
        on_step("tables")
        rolling = _Rolling(await Survey.open(connection), migration, sealer, prefer)
        report = await rolling.decide(recreated)
        on_step("decided")
        if report.conflicts or (report.losses and not accept_losses):
            raise CannotRollBack(report)
        await rolling.check()
        if dry_run:
            await connection.rollback()
            return report
        async with others_unchanged(connection):
            await rolling.write(on_step)
            await _withdraw(connection, migration, report)
            on_step("withdrawn")
    on_step("committed")
    return report


async def _bring_back(connection: AsyncConnection, migration: journal.Migration, sealer: Sealer) -> tuple[str, ...]:
    """Make tables that are gone again, with the rows that were migrated."""
    missing = await recreate(connection, migration.notes.get("columns", {}), migration.notes.get("defined", {}))
    if not missing:
        return ()
    survey = await Survey.open(connection)
    for table in missing:
        async for batch in journal.entries(connection, migration.id, sealer):
            for entry in batch:
                rows = [entry.row] if table == SERVERS else [each.row for each in entry.assignments]
                for row in rows:
                    await survey.tables[table].insert(connection, row)
        await advance_ids(connection, survey.tables[table])
    return missing


@dataclass(frozen=True)
class _Decision:
    """What is to be done to one server."""

    merged: Merged
    legacy: Candidate | None
    stored: StoredConfig | None


class _Rolling:
    """Decides about every server first, and writes afterwards."""

    def __init__(self, survey: Survey, migration: journal.Migration, sealer: Sealer, prefer: Prefer | None) -> None:
        self._survey, self._migration, self._sealer = survey, migration, sealer
        self._prefer: Prefer | None = prefer
        self._store = ConfigStore(survey.connection, sealer)
        self._writer = LegacyWriter(survey, sealer)
        self._decisions: list[_Decision] = []
        self._untouched = 0

    async def decide(self, recreated: tuple[str, ...]) -> RollbackReport:
        """Look at every server of both sides, and say what will be done."""
        aside: dict[str, Mapping[str, Any]] = {}
        losses: list[Loss] = []
        async for decision in self._every():
            merged = decision.merged
            lost = self._writer.losses(merged, decision.stored)
            losses += [Loss(merged.server, what) for what in lost]
            left = {**merged.aside, **lost}
            if left:
                aside[merged.server] = self._sealer.sealed(left) if self._sealer.key else left
            if merged.action == "keep" and not merged.conflicts:
                self._untouched += 1
            else:
                self._decisions.append(decision)
        return RollbackReport(
            self._untouched,
            self._names("write"),
            self._names("create"),
            self._names("delete"),
            recreated,
            tuple(each for decision in self._decisions for each in decision.merged.conflicts),
            tuple(losses),
            dict(sorted(aside.items())),
        )

    def _names(self, action: str) -> tuple[str, ...]:
        return tuple(sorted(each.merged.server for each in self._decisions if each.merged.action == action))

    async def _every(self) -> AsyncIterator[_Decision]:
        async for entries in journal.entries(self._survey.connection, self._migration.id, self._sealer):
            there = await self._store.find_mcp_configs([entry.server for entry in entries])
            rows = await self._legacy("id", [int(str(entry.row["id"])) for entry in entries])
            by_key = {each.key: each for each in rows}
            for entry in entries:
                base = facts_of(ServerConfig.read(entry.config), self._sealer)
                legacy = by_key.get(int(str(entry.row["id"])))
                yield self._decided(entry.server, base, legacy, there.get(entry.server))
        async for batch in self._created():
            there = {each.name: each for each in await self._legacy("name", [each.name for each in batch])}
            for stored in batch:
                yield self._decided(stored.name, None, there.get(stored.name), stored)

    def _decided(
        self, server: str, base: Mapping[str, Any] | None, legacy: Candidate | None, stored: StoredConfig | None
    ) -> _Decision:
        new = None if stored is None else facts_of(stored.config, self._sealer)
        if legacy is not None and legacy.mapped is None:
            # Somebody broke the row since; where the new store did nothing, that is not ours to mend.
            text = f"cannot be read in the legacy tables any more ({legacy.problem}); mend it there"
            conflicts = () if new == base else (Conflict(server, "as a whole", text),)
            return _Decision(Merged(server, conflicts=conflicts), legacy, stored)
        old = None if legacy is None or legacy.mapped is None else facts_of(legacy.mapped.config, Sealer())
        return _Decision(merge(server, base, old, new, self._prefer), legacy, stored)

    async def _legacy(self, column: str, keys: Sequence[Any]) -> list[Candidate]:
        rows = await self._survey.tables[SERVERS].rows_where(self._survey.connection, column, keys)
        return await self._survey.mapped(rows)

    async def _created(self) -> AsyncIterator[list[StoredConfig]]:
        """Yield the configs that were made in the new store since the migration, in batches."""
        known = await journal.names(self._survey.connection, self._migration.id) | self._migration.present
        batch: list[StoredConfig] = []
        async for each in self._store.stream_mcp_configs():
            if each.name not in known:
                batch.append(each)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def check(self) -> None:
        """Refuse what rows of other tables depend on. Raises StillReferenced."""
        for decision in self._decisions:
            await self._writer.check(decision.merged, decision.legacy)
        configs = await LegacyTable.describe(self._survey.connection, CONFIGS.name)
        stay = Chosen("name", sorted(self._migration.present), negated=True)
        await configs.refuse_deleting(self._survey.connection, stay)

    async def write(self, on_step: OnStep) -> None:
        """Write what was decided: first what goes, so that names are free for what comes."""
        for action in ("delete", "write", "create"):
            for decision in self._decisions:
                if decision.merged.action == action:
                    await self._writer.write(decision.merged, decision.legacy, decision.stored)
                    on_step(f"{action} {decision.merged.server}")


async def _withdraw(connection: AsyncConnection, migration: journal.Migration, report: RollbackReport) -> None:
    """Take out of the store what came from the migration or after it, and let every agent read the old tables."""
    mine = CONFIGS.c.name.not_in(sorted(migration.present)) if migration.present else CONFIGS.c.name.is_not(None)
    await connection.execute(delete(CONFIGS).where(mine))
    await connection.execute(delete(JOURNAL).where(JOURNAL.c.migration == migration.id))
    await connection.execute(update(ROLLOUT).values(mode="legacy"))
    notes = {**migration.notes, "aside": report.aside}
    await journal.end(connection, migration, state=journal.ROLLED_BACK, notes=notes)
