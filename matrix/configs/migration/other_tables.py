"""The tables of others: what refers to rows that we write, and a watch that none of them changes through us.

A foreign key with an action (cascade, set null, set default) and a trigger reach further than the statement that was
sent. Before a row is deleted, or a value changed that others refer to, the referring rows are counted; and while legacy
rows are written, every change of a table that is not ours is seen, whatever caused it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.schema import ASSIGNMENTS, SERVERS, STORE
from matrix.errors import UsageError

OURS = frozenset({*STORE.tables, "mcp_config_agents"})
"""The store's own tables, with the one that SQLite's triggers keep."""
WRITTEN = frozenset({*OURS, SERVERS.name, ASSIGNMENTS.name})
"""The tables that a migration, a rollback and a restore may write."""

_NAMES = (
    "array(select cast(attname as text) from unnest({key}) with ordinality as k (number, place)"
    " join pg_attribute on attrelid = {of} and attnum = k.number order by place)"
)
_FOREIGN_KEYS = " ".join(
    (
        "select cast(cast(conrelid as regclass) as text),",
        f"{_NAMES.format(key='conkey', of='conrelid')}, {_NAMES.format(key='confkey', of='confrelid')}",
        "from pg_constraint where contype = 'f' and conparentid = 0 and confrelid = to_regclass(:name) order by 1",
    )
)


class StillReferenced(UsageError):
    """A row cannot be deleted, or changed where others refer to it: rows of other tables would go or change with it."""

    def __init__(self, table: str, deed: str, other: str, rows: int) -> None:
        self.table, self.other, self.rows = table, other, rows
        refer = "row refers" if rows == 1 else "rows refer"
        super().__init__(
            f"nothing was written: a row of {table} would have to be {deed}, and {rows} {refer} to it in {other};"
            " delete them there, or let them refer to another row"
        )


class OtherTableTouched(UsageError):
    """Writing our tables would have changed tables of others."""

    def __init__(self, tables: Sequence[str], triggers: Sequence[str]) -> None:
        self.tables, self.triggers = tuple(tables), tuple(triggers)
        by = f"the trigger {', '.join(triggers)}" if triggers else "the action of a foreign key"
        super().__init__(
            f"nothing was written: {by} would have changed {', '.join(tables)} as well; disable it for the time"
        )


@dataclass(frozen=True)
class Reference:
    """A foreign key that leads to a table: whose it is, and its columns with those that they refer to."""

    table: str
    """As SQL writes it."""
    columns: tuple[str, ...]
    referred: tuple[str, ...]


async def references_to(connection: AsyncConnection, table: str) -> tuple[Reference, ...]:
    """Return the foreign keys that lead to a table, apart from those of our own tables and of the assignments."""
    if connection.dialect.name == "sqlite":
        found = await _of_sqlite(connection, table)
    else:
        found = await _of_postgresql(connection, table)
    return tuple(each for each in found if each.table.strip('"') not in WRITTEN - {table})


async def _of_sqlite(connection: AsyncConnection, table: str) -> list[Reference]:
    rows = await connection.execute(
        text(
            'select t.name, f.id, f."from", f."to" from pragma_table_list t join pragma_foreign_key_list(t.name) f'
            " where t.schema = 'main' and lower(f.\"table\") = lower(:name) order by t.name, f.id, f.seq"
        ),
        {"name": table},
    )
    pairs: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for child, number, column, referred in rows:
        pairs.setdefault((child, number), []).append((column, referred or "id"))
    return [
        Reference(quoted(child), tuple(column for column, _ in each), tuple(referred for _, referred in each))
        for (child, _), each in pairs.items()
    ]


async def _of_postgresql(connection: AsyncConnection, table: str) -> list[Reference]:
    rows = await connection.execute(text(_FOREIGN_KEYS), {"name": table})
    return [Reference(child.replace(":", "\\:"), tuple(own), tuple(referred)) for child, own, referred in rows]


async def refuse_referenced(
    connection: AsyncConnection, table: str, deed: str, references: Sequence[Reference], chosen: Chosen
) -> None:
    """Refuse to do something to chosen rows to which rows of other tables refer. Raises StillReferenced.

    Rows of the same table that are chosen themselves do not count: they go together.
    """
    for each in references:
        pairs = " and ".join(
            f"child.{quoted(own)} = parent.{quoted(referred)}"
            for own, referred in zip(each.columns, each.referred, strict=True)
        )
        apart = f" and not ({chosen.condition('child')})" if each.table.strip('"') == table else ""
        query = f"select count(*) from {each.table} child join {table} parent on {pairs}"  # noqa: S608
        counted = chosen.bound(f"{query} where {chosen.condition('parent')}{apart}")
        if rows := await connection.scalar(counted):
            raise StillReferenced(table, deed, each.table.strip('"'), int(rows))


@dataclass(frozen=True)
class Chosen:
    """Rows of a table: those whose column holds one of these values, or none of them."""

    column: str
    values: Sequence[Any]
    negated: bool = False

    def condition(self, alias: str) -> str:
        """Return the condition on a table that a query calls `alias`."""
        if not self.values:
            return "1 = 1" if self.negated else "1 = 0"
        return f"{alias}.{quoted(self.column)} {'not in' if self.negated else 'in'} :chosen"

    def bound(self, statement: str) -> TextClause:
        """Return a statement with the values that its conditions need."""
        if not self.values:
            return text(statement)
        return text(statement).bindparams(bindparam("chosen", list(self.values), expanding=True))


@asynccontextmanager
async def others_unchanged(
    connection: AsyncConnection, *, may_write: Collection[str] = WRITTEN
) -> AsyncGenerator[None]:
    """Refuse, at its end, what changed a table that is not in `may_write`. Raises OtherTableTouched.

    Every table of the database is watched, also those of which nobody told us; SQLite's virtual tables are not. Where
    a PostgreSQL counts nothing (`track_counts = off`) only foreign keys are looked at, by `refuse_referenced`.
    """
    if connection.dialect.name == "sqlite":
        watched = await _watch_sqlite(connection, may_write)
        yield
        touched = list(await connection.scalars(text("select name from matrix_touched order by name")))
        await _unwatch_sqlite(connection, watched)
    else:
        before = await _counted(connection)
        yield
        await connection.execute(text("set constraints all immediate"))
        after = await _counted(connection)
        changed = {name for name, count in after.items() if count != before.get(name, 0)}
        touched = sorted(changed - set(may_write))
    if touched:
        raise OtherTableTouched(touched, await triggers_of(connection, may_write))


async def _watch_sqlite(connection: AsyncConnection, may_write: Collection[str]) -> list[str]:
    """Have temporary triggers write down which tables change; they belong to this connection and its transaction."""
    found = await connection.scalars(
        text(
            "select name from pragma_table_list where schema = 'main' and type = 'table'"
            " and name not like 'sqlite\\_%' escape '\\' order by name"
        )
    )
    await connection.exec_driver_sql("create temp table matrix_touched (name text primary key)")
    triggers: list[str] = []
    for number, name in enumerate(each for each in found if each not in may_write):
        literal, table = name.replace("'", "''"), name.replace('"', '""')
        for event in ("insert", "update", "delete"):
            triggers.append(f"matrix_watch_{number}_{event}")
            await connection.exec_driver_sql(
                f'create temp trigger {triggers[-1]} after {event} on main."{table}" begin'  # noqa: S608
                f" insert or ignore into matrix_touched values ('{literal}'); end"
            )
    return triggers


async def _unwatch_sqlite(connection: AsyncConnection, triggers: Sequence[str]) -> None:
    for name in triggers:
        await connection.exec_driver_sql(f"drop trigger temp.{name}")
    await connection.exec_driver_sql("drop table temp.matrix_touched")


async def _counted(connection: AsyncConnection) -> Mapping[str, int]:
    """Return how many rows of each table were written, by PostgreSQL's own count.

    It also holds what earlier transactions of the connection wrote and did not report yet.
    """
    found = await connection.execute(
        text(
            "select cast(cast(relid as regclass) as text), n_tup_ins + n_tup_upd + n_tup_del"
            " from pg_stat_xact_user_tables"
        )
    )
    return {name: int(count) for name, count in found}


async def triggers_of(connection: AsyncConnection, tables: Collection[str]) -> list[str]:
    """Name the triggers that somebody gave to these tables, sorted; ours are not among them."""
    if connection.dialect.name == "sqlite":
        query = "select name, tbl_name from sqlite_schema where type = 'trigger' and tbl_name in :tables"
    else:
        query = (
            "select tgname, relname from pg_trigger join pg_class on pg_class.oid = tgrelid"
            " where not tgisinternal and tgenabled <> 'D' and relname in :tables"
        )
    chosen = sorted(set(tables) - OURS)
    found = await connection.execute(text(query).bindparams(bindparam("tables", chosen, expanding=True)))
    return sorted(f"{name} of {table}" for name, table in found)


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL; a colon would be taken for a parameter."""
    return '"' + name.replace('"', '""').replace(":", "\\:") + '"'
