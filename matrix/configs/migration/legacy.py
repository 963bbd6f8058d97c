"""The legacy tables as they are: every column of every row, exactly, whatever columns there are.

A `Raw` value is what a column held, so that it can be written back to the byte. On PostgreSQL it is the column's own
text form; on SQLite the value itself, with what JSON cannot say spelled out: `{"real": hex}`, `{"blob": base64}`,
and `{"text": base64}` for text that is no UTF-8.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import TextClause, bindparam, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import BindParameter

from matrix.configs.schema import LEGACY
from matrix.errors import UsageError

SERVERS = "mcp_servers"
ASSIGNMENTS = "agent_mcp_servers"
AGENTS = "agents"
BATCH = 500

Raw = None | int | str | Mapping[str, str]
RawRow = Mapping[str, Raw]


@dataclass(frozen=True)
class LegacyTable:
    """A table that the platform made: its columns with the types that the database gives them."""

    name: str
    types: Mapping[str, str]
    sqlite: bool

    @classmethod
    async def describe(cls, connection: AsyncConnection, name: str) -> LegacyTable:
        """Read a table's columns. Raises UsageError when it is not there, or has no id."""
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            found = await connection.execute(text("select name, type from pragma_table_info(:name)"), {"name": name})
        else:
            await connection.execute(text("set local timezone = 'UTC'"))
            await connection.execute(text("set local datestyle = 'ISO, MDY'"))
            found = await connection.execute(
                text(
                    "select attname, format_type(atttypid, atttypmod) from pg_attribute"
                    " where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped order by attnum"
                ),
                {"name": name},
            )
        types = {str(column): str(kind) for column, kind in found}
        if "id" not in types:
            raise UsageError(f"the legacy table {name} is not there")
        return cls(name, types, sqlite)

    async def rows(self, connection: AsyncConnection) -> AsyncIterator[RawRow]:
        """Yield every row by id, in batches: one state of the table, if the transaction sees one."""
        last: Any = None
        while batch := await self._batch(connection, last):
            for each in batch:
                yield each.row
            last = batch[-1].id

    async def _batch(self, connection: AsyncConnection, after: Any) -> list[_Read]:
        where = "" if after is None else " where id > :after"
        statement = f"select id, {self._columns()} from {self.name}{where} order by id limit {BATCH}"  # noqa: S608
        found = await connection.execute(text(statement), {} if after is None else {"after": after})
        return [self._read(tuple(row)) for row in found]

    async def rows_where(self, connection: AsyncConnection, column: str, keys: Sequence[Any]) -> list[RawRow]:
        """Return the rows whose column holds one of these keys, by id."""
        if not keys:
            return []
        statement = text(
            f"select id, {self._columns()} from {self.name} where {quoted(column)} in :keys order by id"  # noqa: S608
        ).bindparams(bindparam("keys", expanding=True))
        found = await connection.execute(statement, {"keys": list(keys)})
        return [self._read(tuple(row)).row for row in found]

    def _columns(self) -> str:
        """Each column as something that loses nothing on its way to us."""
        if not self.sqlite:
            return ", ".join(f"cast({quoted(each)} as text) as c{n}" for n, each in enumerate(self.types))
        return ", ".join(
            f"typeof({quoted(each)}), case typeof({quoted(each)}) when 'text' then cast({quoted(each)} as blob)"
            f" else {quoted(each)} end"
            for each in self.types
        )

    def _read(self, values: Sequence[Any]) -> _Read:
        key, *rest = values
        if not self.sqlite:
            return _Read(key, dict(zip(self.types, rest, strict=True)))
        pairs = zip(rest[::2], rest[1::2], strict=True)
        return _Read(key, {name: _raw(kind, value) for name, (kind, value) in zip(self.types, pairs, strict=True)})

    async def insert(self, connection: AsyncConnection, row: RawRow) -> Any:
        """Write a row as it is given; columns that it leaves out have their defaults. Returns its id."""
        names = list(row)
        columns = ", ".join(map(quoted, names))
        places = ", ".join(self._place(name, row[name]) for name in names)
        statement = text(f"insert into {self.name} ({columns}) values ({places}) returning id")  # noqa: S608
        return await connection.scalar(self._bound(statement, row))

    async def update(self, connection: AsyncConnection, key: int, changes: RawRow) -> None:
        """Change columns of the row of an id."""
        places = ", ".join(f"{quoted(name)} = {self._place(name, changes[name])}" for name in changes)
        statement = text(f"update {self.name} set {places} where id = :the_key")  # noqa: S608
        await connection.execute(self._bound(statement, changes), {"the_key": key})

    async def delete(self, connection: AsyncConnection, key: int) -> None:
        """Remove the row of an id."""
        await connection.execute(text(f"delete from {self.name} where id = :key"), {"key": key})  # noqa: S608

    async def clear(self, connection: AsyncConnection) -> None:
        """Remove every row."""
        await connection.execute(text(f"delete from {self.name}"))  # noqa: S608

    def _place(self, name: str, value: Raw) -> str:
        number = list(self.types).index(name)
        if self.sqlite:
            return f"cast(:c{number} as text)" if isinstance(value, Mapping) and "text" in value else f":c{number}"
        return f"cast(cast(:c{number} as text) as {self.types[name]})"

    def _bound(self, statement: TextClause, row: RawRow) -> TextClause:
        names = list(self.types)
        parameters: list[BindParameter[Any]] = [
            bindparam(f"c{names.index(name)}", _value(row[name])) for name in row if name in self.types
        ]
        return statement.bindparams(*parameters)


@dataclass(frozen=True)
class _Read:
    id: Any
    row: RawRow


async def recreate(connection: AsyncConnection, columns: Mapping[str, Mapping[str, str]]) -> None:
    """Make the tables of servers and assignments again, with the columns that they had."""
    there = await connection.run_sync(lambda each: set(inspect(each).get_table_names()))
    if AGENTS not in there:
        raise UsageError(f"the legacy table {AGENTS} is not there; restore it first, the assignments refer to it")
    for name in (SERVERS, ASSIGNMENTS):
        if name in there:
            continue
        await connection.run_sync(LEGACY.tables[name].create)
        for column in columns.get(name, {}):
            if column not in LEGACY.tables[name].c:
                kind = columns[name][column]
                await connection.execute(text(f"alter table {name} add column {quoted(column)} {kind}"))


async def advance_ids(connection: AsyncConnection, table: LegacyTable) -> None:
    """Let PostgreSQL count on after ids that were written as they are; SQLite does so by itself."""
    if not table.sqlite:
        await connection.execute(
            text(
                "select setval(pg_get_serial_sequence(:name, 'id'), (select coalesce(max(id), 1) from "  # noqa: S608
                f"{table.name}))"
            ),
            {"name": table.name},
        )


def quoted(name: str) -> str:
    """Return a column's name as an identifier of SQL; a colon would be taken for a parameter."""
    return '"' + name.replace('"', '""').replace(":", "\\:") + '"'


def _raw(kind: str, value: Any) -> Raw:
    if kind == "text":
        data = cast("bytes", value)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return {"text": base64.b64encode(data).decode("ascii")}
    if kind == "blob":
        return {"blob": base64.b64encode(cast("bytes", value)).decode("ascii")}
    return {"real": cast("float", value).hex()} if kind == "real" else cast("int | None", value)


def _value(raw: Raw) -> Any:
    if not isinstance(raw, Mapping):
        return raw
    if "real" in raw:
        return float.fromhex(raw["real"])
    return base64.b64decode(raw.get("blob") or raw.get("text") or "")
