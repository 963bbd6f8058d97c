"""The legacy tables' columns and declarations, as the database tells them; and the tables made again after a drop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.migration.other_tables import quoted
from matrix.configs.schema import AGENTS, ASSIGNMENTS, LEGACY, SERVERS
from matrix.errors import UsageError

_SETTINGS = (
    "timezone = 'UTC'",
    "datestyle = 'ISO, MDY'",
    "intervalstyle = 'postgres'",
    "bytea_output = 'hex'",
    "extra_float_digits = 1",
)
"""Have PostgreSQL write values in one way only, and exactly."""
_STORAGE = {"s": "stored", "v": "virtual"}


@dataclass(frozen=True)
class Column:
    """A column: its type, what the database computes it of (None: it holds a value), whether only an insertion sets it.

    `computed` is PostgreSQL's declaration; SQLite tells no such thing of a column, and it is empty there.
    """

    name: str
    kind: str
    computed: str | None = None
    numbered: bool = False


async def columns_of(connection: AsyncConnection, name: str) -> list[Column]:
    """Read the columns of a table, in their order; none where it is not there."""
    return await (_of_sqlite if connection.dialect.name == "sqlite" else _of_postgresql)(connection, name)


async def definitions(connection: AsyncConnection, name: str) -> list[str]:
    """Return statements that make a table as it is now: SQLite keeps them; of PostgreSQL, its computed columns."""
    if connection.dialect.name != "sqlite":
        columns = await columns_of(connection, name)
        computed = [(_identifier(each.name), each.computed) for each in columns if each.computed]
        return [
            statement
            for column, declared in computed
            for statement in (
                f"alter table {name} drop column if exists {column}",
                f"alter table {name} add column {column} {declared}",
            )
        ]
    found = await connection.scalars(
        text(
            "select sql from sqlite_schema where tbl_name = :name and type in ('table', 'index') and sql is not null"
            " order by type desc, name"
        ),
        {"name": name},
    )
    return list(found)


async def recreate(
    connection: AsyncConnection, columns: Mapping[str, Mapping[str, str]], defined: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Make the tables of servers and assignments again where they are gone, as they were, and return which.

    Raises UsageError without the agents.
    """
    there = await connection.run_sync(lambda each: set(inspect(each).get_table_names()))
    missing = tuple(name for name in (SERVERS.name, ASSIGNMENTS.name) if name not in there)
    if missing and AGENTS.name not in there:
        raise UsageError(f"the legacy table {AGENTS.name} is not there; restore it first, the assignments refer to it")
    for name in missing:
        if connection.dialect.name != "sqlite" or not defined.get(name):
            await connection.run_sync(LEGACY.tables[name].create)
            for column, kind in columns.get(name, {}).items():
                if column not in LEGACY.tables[name].c:
                    await connection.execute(text(f"alter table {name} add column {quoted(column)} {kind}"))
        for statement in defined.get(name, ()):
            await connection.execute(_verbatim(statement))
    return missing


async def _of_sqlite(connection: AsyncConnection, name: str) -> list[Column]:
    query = text("select name, type, hidden from pragma_table_xinfo(:name)")
    found = await connection.execute(query, {"name": name})
    return [Column(str(column), str(kind), "" if hidden > 1 else None) for column, kind, hidden in found]


async def _of_postgresql(connection: AsyncConnection, name: str) -> list[Column]:
    for setting in _SETTINGS:
        await connection.execute(text(f"set local {setting}"))
    query = (
        "select attname, format_type(atttypid, atttypmod), cast(attgenerated as text), cast(attidentity as text),"
        " pg_get_expr(adbin, adrelid) from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum"
        " where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped order by attnum"
    )
    found = await connection.execute(text(query), {"name": name})
    return [
        Column(
            str(column),
            str(kind),
            f"{kind} generated always as ({expression}) {_STORAGE[generated]}" if generated else None,
            identity == "a",
        )
        for column, kind, generated, identity, expression in found
    ]


def _verbatim(statement: str) -> TextClause:
    return text(statement.replace(":", "\\:"))


def _identifier(name: str) -> str:
    """Return a name as an identifier, for a statement that is kept."""
    return '"' + name.replace('"', '""') + '"'
