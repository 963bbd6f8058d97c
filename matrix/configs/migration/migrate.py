"""The migration: legacy tables → store, in one transaction that excludes every other writer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.migration import journal
from matrix.configs.migration.legacy import RawRow
from matrix.configs.migration.survey import Candidate, MigrationPlan, Survey, same, survey
from matrix.configs.model import ServerConfig
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore, StoredConfig, now
from matrix.errors import MatrixError, UsageError

OnStep = Callable[[str], None]
_LOCK = 0x6D617472
"""The advisory lock that migrations and rollbacks of one PostgreSQL database take."""
_IDS = uuid.UUID("5d3a1e06-5c1e-4a5f-9d0a-6d6370636667")


def no_step(_: str) -> None:
    """Nobody is told of the steps."""


class CannotMigrate(UsageError):
    """Something stands in the way; the plan says what, and nothing was written."""

    def __init__(self, plan: MigrationPlan) -> None:
        self.plan = plan
        first, *others = plan.problems
        more = f" (and {len(others)} more; see `python -m matrix configs plan`)" if others else ""
        super().__init__(f"nothing was migrated: {first}{more}")


@dataclass(frozen=True)
class MigrationReport:
    """What a migration did."""

    plan: MigrationPlan
    migrated: int
    """Servers that this run has migrated; those of an earlier run are `plan.done`."""


async def migrate(
    database: Database, sealer: Sealer, *, exclude: Sequence[str] = (), on_step: OnStep = no_step
) -> MigrationReport:
    """Make a config of every legacy server that has none yet.

    All or nothing: a process that dies on the way leaves the old state. Run again, it only adds what is new in the
    legacy tables. `on_step` is told where it is. Raises CannotMigrate, DatabaseBusy, UsageError.
    """
    await database.check()
    async with database.writing() as connection:
        await exclude_others(connection)
        on_step("locked")
        found = await Survey.open(connection)
        plan = await survey(found, sealer, exclude)
        on_step("surveyed")
        if plan.problems:
            raise CannotMigrate(plan)
        if plan.new or await journal.active(connection) is None:
            await _write(found, plan, sealer, on_step)
    on_step("committed")
    return MigrationReport(plan, len(plan.new))


async def exclude_others(connection: AsyncConnection) -> None:
    """Let no other migration, and no writer of the tables, in before this transaction ends.

    SQLite's write transaction is exclusive as it is. Raises DatabaseBusy, through the connection's context, when
    somebody else takes too long.
    """
    if connection.dialect.name == "sqlite":
        return
    await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    for table in ("agents", "mcp_servers", "agent_mcp_servers", "mcp_configs"):
        if await connection.scalar(text("select to_regclass(:name)"), {"name": table}) is not None:
            await connection.execute(text(f"lock table {table} in share row exclusive mode"))


async def join_others(connection: AsyncConnection) -> None:
    """Wait for a migration or a change of modes to end, and let none begin; others that only write may join.

    SQLite's write transaction is exclusive as it is.
    """
    if connection.dialect.name != "sqlite":
        await connection.execute(text("select pg_advisory_xact_lock_shared(:key)"), {"key": _LOCK})


async def _write(found: Survey, plan: MigrationPlan, sealer: Sealer, on_step: OnStep) -> None:
    connection = found.connection
    migration = await journal.active(connection)
    if migration is None:
        notes = {
            "present": plan.present,
            "excluded": plan.excluded,
            "columns": plan.columns,
            "defined": plan.defined,
        }
        migration = await journal.begin(connection, plan.fingerprint, notes)
    on_step("begun")
    store, new = ConfigStore(connection, sealer), set(plan.new)
    number = 0
    async for batch in found.candidates():
        chosen = [each for each in batch if each.name in new and each.mapped is not None]
        if chosen:
            number += 1
            await _write_batch(
                store, migration.id, chosen, sealer, connection, lambda step, n=number: on_step(f"{step} {n}")
            )
    await journal.end(
        connection,
        migration,
        servers=migration.servers + len(new),
        assignments=plan.assignments,
        fingerprint=plan.fingerprint,
    )
    on_step("recorded")
    await _read_again(found, store, new, sealer)
    on_step("verified")


async def _write_batch(
    store: ConfigStore,
    migration: int,
    batch: Sequence[Candidate],
    sealer: Sealer,
    connection: AsyncConnection,
    on_step: OnStep,
) -> None:
    stored = [_stored(each, sealer) for each in batch]
    entries = [
        journal.Entry(each.name, each.row, each.assignments, made.config.to_json())
        for each, made in zip(batch, stored, strict=True)
    ]
    await journal.write(connection, migration, entries, sealer)
    on_step("journaled")
    await store.insert(stored)
    on_step("stored")


def _stored(each: Candidate, sealer: Sealer) -> StoredConfig:
    if each.mapped is None:
        raise MatrixError(f"{each.name!r} was planned without a config")
    config = each.mapped.config.to_json()
    sealed = ServerConfig.read(config if sealer.key is None else sealer.sealed(config))
    moment = now()
    created = _moment(each.row, "created_at", moment)
    updated = max(created, _moment(each.row, "updated_at", moment))
    return StoredConfig(uuid.uuid5(_IDS, f"{each.key}/{each.name}"), sealed, created, updated)


def _moment(row: RawRow, column: str, default: datetime) -> datetime:
    """Read a moment that the legacy table kept; one that cannot be read is still kept, under `legacy`."""
    try:
        moment = datetime.fromisoformat(cast("str", row.get(column)))
    except (TypeError, ValueError):
        return default
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _read_again(found: Survey, store: ConfigStore, new: set[str], sealer: Sealer) -> None:
    """Read what was written, and compare it with what was to be written, before it is committed."""
    async for batch in found.candidates():
        chosen = [each for each in batch if each.name in new]
        there = await store.find_mcp_configs([each.name for each in chosen])
        for each in chosen:
            stored = there.get(each.name)
            if stored is None or each.mapped is None or not same(stored.config, each.mapped.config, sealer):
                raise MatrixError(
                    f"nothing was migrated: {each.name!r} was not stored as it was read; this is a fault of ours"
                )
