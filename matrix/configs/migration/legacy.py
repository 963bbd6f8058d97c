"""The legacy tables as they are: every column of every row, exactly, whatever columns there are.

A `Raw` value is what a column held, so that it can be written back to the byte. On PostgreSQL it is the column's own
text form; on SQLite the value itself, with what JSON cannot say spelled out: `{"real": hex}`, `{"blob": base64}`,
and `{"text": base64}` for text that is no UTF-8.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import BindParameter

from matrix.configs.migration.legacy_schema import columns_of
from matrix.configs.migration.other_tables import Chosen, Reference, quoted, references_to, refuse_referenced
from matrix.errors import UsageError

SERVERS = "mcp_servers"
ASSIGNMENTS = "agent_mcp_servers"
AGENTS = "agents"
BATCH = 500
Raw = None | int | str | Mapping[str, str]
RawRow = Mapping[str, Raw]


class ColumnGone(UsageError):
    """There is a value for a column that the table does not have."""

    def __init__(self, table: str, column: str) -> None:
        self.table, self.column = table, column
        super().__init__(f"nothing was written: {table} has no column {column!r} any more, and there are values for it")


@dataclass(frozen=True)
class LegacyTable:
    """A table that the platform made: its columns with the types that the database gives them.

    Columns that the database computes are no part of it: they are neither read nor written.
    """

    name: str
    types: Mapping[str, str]
    sqlite: bool
    computed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns that the database computes, as PostgreSQL would declare them; empty texts on SQLite."""
    numbered: frozenset[str] = frozenset()
    """Columns that only an insertion can set (`generated always as identity`)."""
    references: tuple[Reference, ...] = ()
    """The foreign keys of other tables that lead here."""

    @classmethod
    async def describe(cls, connection: AsyncConnection, name: str) -> LegacyTable:
        """Read a table's columns. Raises UsageError when it is not there, or has no id."""
        sqlite = connection.dialect.name == "sqlite"
        columns = await columns_of(connection, name)
        types = {each.name: each.kind for each in columns if each.computed is None}
        if "id" not in types:
            raise UsageError(f"the legacy table {name} is not there")
        return cls(
            name,
            types,
            sqlite,
            {each.name: each.computed for each in columns if each.computed is not None},
            frozenset(each.name for each in columns if each.numbered),
            await references_to(connection, name),
        )

    async def rows(self, connection: AsyncConnection) -> AsyncIterator[RawRow]:
        """Yield every row by id, in batches: one state of the table, if the transaction sees one."""
        async for _, row in self.keyed(connection):
            yield row

    async def keyed(self, connection: AsyncConnection) -> AsyncIterator[tuple[Any, RawRow]]:
        """Yield the same with each row's id as the driver gives and takes it."""
        last: Any = None
        while batch := await self._batch(connection, last):
            for each in batch:
                yield each.id, each.row
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
        """Write a row as it is given; columns that it leaves out have their defaults. Returns its id.

        Raises ColumnGone.
        """
        writable = self.writable(row)
        columns = ", ".join(map(quoted, writable))
        places = ", ".join(self._place(name, value) for name, value in writable.items())
        override = " overriding system value" if self.numbered & writable.keys() else ""
        statement = f"insert into {self.name} ({columns}){override} values ({places}) returning id"  # noqa: S608
        return await connection.scalar(self._bound(text(statement), writable))

    async def update(self, connection: AsyncConnection, key: Any, changes: RawRow) -> None:
        """Change columns of the row of an id. Raises ColumnGone, and StillReferenced where others refer to a value."""
        writable = {name: value for name, value in self.writable(changes).items() if name not in self.numbered}
        if not writable:
            return
        concerned = [each for each in self.references if {*each.referred} & writable.keys()]
        await refuse_referenced(connection, self.name, "changed", concerned, Chosen("id", [key]))
        places = ", ".join(f"{quoted(name)} = {self._place(name, writable[name])}" for name in writable)
        statement = text(f"update {self.name} set {places} where id = :the_key")  # noqa: S608
        await connection.execute(self._bound(statement, writable), {"the_key": key})

    async def delete(self, connection: AsyncConnection, keys: Sequence[Any]) -> None:
        """Remove the rows of these ids. Raises StillReferenced."""
        for start in range(0, len(keys), BATCH):
            chosen = Chosen("id", keys[start : start + BATCH])
            await self.refuse_deleting(connection, chosen)
            await connection.execute(chosen.bound(f"delete from {self.name} where {chosen.condition(self.name)}"))  # noqa: S608

    async def refuse_deleting(self, connection: AsyncConnection, chosen: Chosen) -> None:
        """Refuse to delete rows to which rows of other tables refer. Raises StillReferenced."""
        await refuse_referenced(connection, self.name, "deleted", self.references, chosen)

    def writable(self, row: RawRow) -> dict[str, Raw]:
        """Return a row without what the database computes itself. Raises ColumnGone."""
        for name, value in row.items():
            if name not in self.types and name not in self.computed and value is not None:
                raise ColumnGone(self.name, name)
        return {name: value for name, value in row.items() if name in self.types}

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


async def advance_ids(connection: AsyncConnection, table: LegacyTable) -> None:
    """Let PostgreSQL count on after ids that were written as they are, never back; SQLite does so by itself."""
    if not table.sqlite:
        sequence = "cast(pg_get_serial_sequence(:name, 'id') as regclass)"
        highest = f"(select max(id) from {table.name})"  # noqa: S608  (a constant)
        await connection.execute(
            text(
                f"select setval({sequence}, {highest})"
                f" where {highest} > coalesce(pg_sequence_last_value({sequence}), 0)"
            ),
            {"name": table.name},
        )


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
