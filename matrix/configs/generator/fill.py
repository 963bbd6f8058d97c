"""Generated data written into a database: in batches, in one transaction, into empty tables only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Table,
    TextClause,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database, create_legacy
from matrix.configs.generator.generate import LegacyRow, Scale, legacy_rows, stored_configs
from matrix.configs.migration.other_tables import references_to
from matrix.configs.model import ServerConfig
from matrix.configs.schema import AGENTS, ASSIGNMENTS, CONFIGS, LEGACY, SERVERS, Json
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore, StoredConfig
from matrix.errors import UsageError

BATCH = 500
Progress = Callable[[int, int], None]
"""Is told how many servers are written, and how many there will be."""

_ORDER = (AGENTS, SERVERS, ASSIGNMENTS)


def unheard(_: int, __: int) -> None:
    """Nobody is told how far it is."""


async def fill_legacy(
    database: Database, scale: str | int, seed: int = 0, *, defects: bool = False, progress: Progress = unheard
) -> None:
    """Write generated rows into the legacy tables, which are made where they are not there.

    With `defects` the tables are made again without their constraints, which would refuse such rows. Raises UsageError
    when the tables hold something, and where others refer to tables that would be made again.
    """
    size, written = Scale.read(scale), 0
    async with database.writing() as connection:
        await create_legacy(connection)
        for table in _ORDER:
            await _refuse_unless_empty(connection, table, database.shown)
        if defects:
            await _refuse_referenced(connection, database.shown)
            await connection.run_sync(_without_constraints)
        statements = {table.name: _insertion(table, sqlite=database.is_sqlite) for table in _ORDER}
        if not database.is_sqlite:
            await connection.execute(text("set local timezone = 'UTC'"))
        for batch in _batches(legacy_rows(scale, seed, defects=defects)):
            for table in _ORDER:
                if batch[table.name]:
                    await connection.execute(statements[table.name], batch[table.name])
            written = min(written + len(batch[SERVERS.name]), size.servers)
            progress(written, size.servers)
        if not database.is_sqlite:
            await _advance_ids(connection)


async def fill_store(
    database: Database, scale: str | int, seed: int = 0, *, sealer: Sealer, progress: Progress = unheard
) -> None:
    """Write generated configs into the store, their secrets sealed; ids and moments are generated too.

    Raises UsageError when the store holds something, and CannotUnseal when the sealer has no key.
    """
    size, written = Scale.read(scale), 0
    async with database.writing() as connection:
        await _refuse_unless_empty(connection, CONFIGS, database.shown)
        store, batch = ConfigStore(connection, sealer), list[StoredConfig]()
        for each in stored_configs(scale, seed):
            config = ServerConfig.read(sealer.sealed(each.config))
            batch.append(StoredConfig(each.id, config, each.created_at, each.updated_at))
            if len(batch) == BATCH or written + len(batch) == size.servers:
                await store.insert(batch)
                written += len(batch)
                batch = []
                progress(written, size.servers)


def _batches(rows: Iterator[LegacyRow]) -> Iterator[Mapping[str, Sequence[Mapping[str, Any]]]]:
    """Gather rows by table; what refers to something never comes before it."""
    batch: dict[str, list[Mapping[str, Any]]] = {table.name: [] for table in _ORDER}
    for row in rows:
        if row.table != ASSIGNMENTS.name and len(batch[row.table]) == BATCH:
            yield batch
            batch = {name: [] for name in batch}
        batch[row.table].append(row.values)
    yield batch


def _insertion(table: Table, *, sqlite: bool) -> TextClause:
    """Write text as it is on SQLite, so that every byte of it counts; PostgreSQL makes of it what its columns hold."""

    def place(name: str) -> str:
        kind = table.c[name].type
        if sqlite or not isinstance(kind, type(Json) | DateTime):
            return f":{name}"
        return f"cast(:{name} as {'timestamptz' if isinstance(kind, DateTime) else 'jsonb'})"

    columns = list(table.c.keys())
    places = ", ".join(map(place, columns))
    return text(f"insert into {table.name} ({', '.join(columns)}) values ({places})")  # noqa: S608  (constants)


async def _refuse_unless_empty(connection: AsyncConnection, table: Table, shown: str) -> None:
    if await connection.scalar(select(func.count()).select_from(table)):
        raise UsageError(f"{shown} has rows in {table.name} already; generate into an empty database")


async def _refuse_referenced(connection: AsyncConnection, shown: str) -> None:
    """Refuse to make tables again to which tables of others refer."""
    for table in _ORDER:
        for reference in await references_to(connection, table.name):
            raise UsageError(
                f"{shown} has a table {reference.table} that refers to {table.name}, which --defects would make again;"
                " generate into a database of its own"
            )


def _without_constraints(connection: Connection) -> None:
    LEGACY.drop_all(connection)
    loose = MetaData()
    for table in LEGACY.sorted_tables:
        copy = table.to_metadata(loose)
        strict = [each for each in copy.constraints if isinstance(each, UniqueConstraint | ForeignKeyConstraint)]
        copy.constraints.difference_update(strict)
    loose.create_all(connection)


async def _advance_ids(connection: AsyncConnection) -> None:
    for table in _ORDER:
        highest = f"(select max(id) from {table.name})"  # noqa: S608  (a constant)
        await connection.execute(
            text(f"select setval(pg_get_serial_sequence(:name, 'id'), {highest}) where {highest} is not null"),
            {"name": table.name},
        )
