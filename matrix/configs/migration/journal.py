"""The journal of a migration: what each server was at that moment, in both forms; the base of every way back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.migration.legacy import BATCH, RawRow
from matrix.configs.migration.mapping import Assignment
from matrix.configs.model import canonical
from matrix.configs.schema import JOURNAL, MIGRATIONS
from matrix.configs.secrets import Sealer
from matrix.configs.store import now

MIGRATED, ROLLED_BACK = "migrated", "rolled-back"


@dataclass(frozen=True)
class Migration:
    """A migration that took place. `present` are the configs that were in the store before it."""

    id: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    servers: int
    assignments: int
    fingerprint: str
    notes: Mapping[str, Any]

    @property
    def present(self) -> frozenset[str]:
        """The names that the store had before, and that no rollback touches."""
        return frozenset(cast("Sequence[str]", self.notes.get("present", ())))


@dataclass(frozen=True)
class Entry:
    """A server at the time of the migration: its legacy row and assignments, and the config as it was stored."""

    server: str
    row: RawRow
    assignments: tuple[Assignment, ...]
    config: Mapping[str, Any]


async def last(connection: AsyncConnection) -> Migration | None:
    """Return the newest migration, whatever became of it."""
    found = await connection.execute(select(MIGRATIONS).order_by(MIGRATIONS.c.id.desc()).limit(1))
    row = found.mappings().one_or_none()
    return None if row is None else Migration(**cast("Mapping[str, Any]", row))


async def active(connection: AsyncConnection) -> Migration | None:
    """Return the migration that is in force, if there is one."""
    newest = await last(connection)
    return newest if newest is not None and newest.state == MIGRATED else None


async def begin(connection: AsyncConnection, fingerprint: str, notes: Mapping[str, Any]) -> Migration:
    """Record that a migration takes place."""
    values = {
        "state": MIGRATED,
        "started_at": now(),
        "servers": 0,
        "assignments": 0,
        "fingerprint": fingerprint,
        "notes": dict(notes),
    }
    key = await connection.scalar(insert(MIGRATIONS).returning(MIGRATIONS.c.id), values)
    return Migration(id=int(key or 0), ended_at=None, **cast("dict[str, Any]", values))


async def end(connection: AsyncConnection, migration: Migration, **changes: Any) -> None:
    """Record what became of a migration."""
    await connection.execute(
        update(MIGRATIONS).where(MIGRATIONS.c.id == migration.id).values(ended_at=now(), **changes)
    )


async def names(connection: AsyncConnection, migration: int) -> set[str]:
    """Return the servers that were migrated."""
    return set(await connection.scalars(select(JOURNAL.c.server).where(JOURNAL.c.migration == migration)))


async def count(connection: AsyncConnection, migration: int) -> int:
    """Return how many servers were migrated."""
    query = select(func.count()).select_from(JOURNAL).where(JOURNAL.c.migration == migration)
    return int(await connection.scalar(query) or 0)


async def write(connection: AsyncConnection, migration: int, entries: Sequence[Entry], sealer: Sealer) -> None:
    """Add servers to the journal; with a key, what the legacy row held is sealed as a whole."""

    def kept(entry: Entry) -> str:
        legacy = canonical(
            {"row": entry.row, "assignments": [{"agent": each.agent, "row": each.row} for each in entry.assignments]}
        )
        return legacy if sealer.key is None else sealer.seal(legacy)

    await connection.execute(
        insert(JOURNAL),
        [
            {
                "migration": migration,
                "server": entry.server,
                "legacy": kept(entry),
                "config": canonical(entry.config),
            }
            for entry in entries
        ],
    )


async def entries(connection: AsyncConnection, migration: int, sealer: Sealer) -> AsyncIterator[list[Entry]]:
    """Yield the journal by server, in batches. Raises CannotUnseal."""
    after = ""
    while True:
        sqlite = connection.dialect.name == "sqlite"
        name: Any = JOURNAL.c.server if sqlite else JOURNAL.c.server.collate("C")
        query = select(JOURNAL).where(JOURNAL.c.migration == migration, name > after).order_by(name).limit(BATCH)
        batch = [_entry(row, sealer) for row in await connection.execute(query)]
        if not batch:
            return
        yield batch
        after = batch[-1].server


def _entry(row: Any, sealer: Sealer) -> Entry:
    legacy = json.loads(sealer.unseal(row.legacy) if row.legacy.startswith("${sealed:") else row.legacy)
    assignments = tuple(Assignment(each["agent"], each["row"]) for each in legacy["assignments"])
    return Entry(row.server, legacy["row"], assignments, json.loads(row.config))
