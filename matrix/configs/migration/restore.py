"""Restoring a backup: row by row in place, no row that stays is deleted, and no other table touched."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.migration.backup import TABLES, BackupReport, read_backup
from matrix.configs.migration.legacy import AGENTS, ASSIGNMENTS, SERVERS, LegacyTable, RawRow, advance_ids
from matrix.configs.migration.migrate import exclude_others
from matrix.configs.migration.other_tables import WRITTEN, others_unchanged, triggers_of
from matrix.configs.schema import CONFIGS, JOURNAL
from matrix.configs.secrets import Sealer
from matrix.configs.store import BATCH
from matrix.errors import UsageError


class OtherDialect(UsageError):
    """A backup of one kind of database cannot be restored into another kind."""

    def __init__(self, file: Path, dialect: str, shown: str) -> None:
        super().__init__(f"{file} is a backup of a {dialect} database, and {shown} is none")


class NotAsKept(UsageError):
    """What was written came out otherwise than the backup has it: somebody's trigger changes it."""

    def __init__(self, table: str, columns: Sequence[str], triggers: Sequence[str]) -> None:
        self.table, self.columns, self.triggers = table, tuple(columns), tuple(triggers)
        by = f"the trigger {', '.join(triggers)} changes" if triggers else "the database changes"
        what = f"{', '.join(columns)} of {table}" if columns else f"the rows of {table}"
        super().__init__(f"nothing was restored: {by} {what} when they are written; disable it for the time")


@dataclass(frozen=True)
class _Changed:
    """A row that stays: what it is, and the columns in which the backup has another value."""

    key: Any
    row: RawRow
    changes: RawRow


@dataclass(frozen=True)
class _Difference:
    """What it takes to make a table what it was: rows to delete (by id), to change and to add."""

    table: LegacyTable
    gone: Sequence[tuple[Any, RawRow]]
    changed: Sequence[_Changed]
    missing: Sequence[RawRow]

    def __bool__(self) -> bool:
        return bool(self.gone or self.changed or self.missing)


async def restore_backup(database: Database, sealer: Sealer, file: Path) -> BackupReport:
    """Put everything back as the backup has it, in one transaction; agents that came since are kept.

    Rows are changed in place, and only where they differ. Raises ConfigurationError when the file is no complete
    backup; OtherDialect; StillReferenced and OtherTableTouched where rows of other tables would go or change;
    ColumnGone and NotAsKept where a row can no longer be what it was.
    """
    await database.check()
    header, *body = read_backup(file, sealer)
    if header["dialect"] != database.url.get_backend_name():
        raise OtherDialect(file, header["dialect"], database.shown)
    rows: dict[str, list[RawRow]] = {}
    for line in body:
        rows.setdefault(line["table"], []).append(line["row"])
    async with database.writing() as connection:
        await exclude_others(connection)
        there = await connection.run_sync(lambda each: set(inspect(each).get_table_names()))
        if missing := [name for name in TABLES if rows.get(name) and name not in there]:
            raise UsageError(f"the legacy table {missing[0]} is not there to restore into")
        tables = [await LegacyTable.describe(connection, name) for name in TABLES if name in there]
        await _put_back(connection, {table.name: table for table in tables}, rows)
    return BackupReport(file, {name: len(found) for name, found in sorted(rows.items())})


async def _put_back(
    connection: AsyncConnection, tables: Mapping[str, LegacyTable], rows: Mapping[str, Sequence[RawRow]]
) -> None:
    differences = {name: await _compared(connection, table, rows.get(name, ())) for name, table in tables.items()}
    agents = differences[AGENTS].missing if AGENTS in differences else ()
    async with others_unchanged(connection, may_write={*WRITTEN, AGENTS} if agents else WRITTEN):
        for row in agents:
            await tables[AGENTS].insert(connection, row)
        if SERVERS in differences and ASSIGNMENTS in differences:
            await _put_back_servers(connection, differences[SERVERS], differences[ASSIGNMENTS])
        for name in TABLES:
            if name in differences and name not in {AGENTS, SERVERS, ASSIGNMENTS}:
                await tables[name].delete(connection, [key for key, _ in differences[name].gone])
                await _write(connection, differences[name])
        await _put_back_journal(connection, rows.get(JOURNAL.name, ()))
        for name, table in tables.items():
            if name != CONFIGS.name:
                await advance_ids(connection, table)
    for name in tables.keys() - {AGENTS}:
        left = await _compared(connection, tables[name], rows.get(name, ()))
        if left:
            columns = sorted({column for each in left.changed for column in each.changes})
            raise NotAsKept(name, columns, await triggers_of(connection, {SERVERS, ASSIGNMENTS}))


async def _compared(connection: AsyncConnection, table: LegacyTable, rows: Sequence[RawRow]) -> _Difference:
    wanted = {str(row["id"]): table.writable(row) for row in rows}
    gone: list[tuple[Any, RawRow]] = []
    changed: list[_Changed] = []
    async for key, row in table.keyed(connection):
        before = wanted.pop(str(row["id"]), None)
        if before is None:
            gone.append((key, row))
        elif changes := {name: value for name, value in before.items() if value != row[name]}:
            changed.append(_Changed(key, row, changes))
    return _Difference(table, gone, changed, list(wanted.values()))


async def _put_back_servers(connection: AsyncConnection, servers: _Difference, assignments: _Difference) -> None:
    """Write both tables in an order in which no assignment is ever without its server, and no name is there twice."""
    await assignments.table.delete(connection, [key for key, _ in assignments.gone])
    held = {str(each.row["mcp_server_id"]) for each in assignments.changed}
    later = [(key, row) for key, row in servers.gone if str(row["id"]) in held]
    await servers.table.delete(connection, [key for key, row in servers.gone if str(row["id"]) not in held])
    await _free_names(connection, servers, later)
    await _write(connection, servers)
    for each in assignments.changed:
        await assignments.table.update(connection, each.key, each.changes)
    await servers.table.delete(connection, [key for key, _ in later])
    for row in assignments.missing:
        await assignments.table.insert(connection, row)


async def _free_names(connection: AsyncConnection, servers: _Difference, later: Sequence[tuple[Any, RawRow]]) -> None:
    """Take names from rows that are about to lose them, where another row is about to get them."""
    wanted = [row["name"] for row in (*servers.missing, *(each.changes for each in servers.changed)) if "name" in row]
    holders = [*later, *((each.key, each.row) for each in servers.changed if "name" in each.changes)]
    for key, row in holders:
        if row["name"] in wanted:
            await servers.table.update(connection, key, {"name": f"restoring {uuid.uuid4().hex}"})


async def _write(connection: AsyncConnection, difference: _Difference) -> None:
    for each in difference.changed:
        await difference.table.update(connection, each.key, each.changes)
    for row in difference.missing:
        await difference.table.insert(connection, row)


async def _put_back_journal(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    wanted = {(int(row["migration"]), str(row["server"])): row for row in rows}
    found = await connection.execute(select(JOURNAL.c.migration, JOURNAL.c.server, JOURNAL.c.legacy, JOURNAL.c.config))
    for migration, server, legacy, config in found.all():
        row = wanted.pop((migration, server), None)
        key = (JOURNAL.c.migration == migration) & (JOURNAL.c.server == server)
        if row is None:
            await connection.execute(delete(JOURNAL).where(key))
        elif (legacy, config) != (row["legacy"], row["config"]):
            values = {"legacy": row["legacy"], "config": row["config"]}
            await connection.execute(update(JOURNAL).where(key).values(**values))
    missing = [dict(row) for row in wanted.values()]
    for start in range(0, len(missing), BATCH):
        await connection.execute(insert(JOURNAL), missing[start : start + BATCH])
