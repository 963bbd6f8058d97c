"""The legacy writer: writes what was decided into the legacy tables; only what changed, and no row of another table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from matrix.configs.migration.legacy import ASSIGNMENTS, SERVERS, LegacyTable, Raw
from matrix.configs.migration.mapping import COLUMNS, USUAL, Columns, Lost, to_columns
from matrix.configs.migration.merge import Merged
from matrix.configs.migration.other_tables import Chosen
from matrix.configs.migration.survey import Candidate, Survey
from matrix.configs.model import EVERY_AGENT
from matrix.configs.secrets import Sealer
from matrix.configs.store import StoredConfig
from matrix.errors import MatrixError


class LegacyWriter:
    """Writes changes of the new store into the legacy tables."""

    def __init__(self, survey: Survey, sealer: Sealer) -> None:
        self._survey, self._sealer = survey, sealer
        self._sqlite = survey.tables[SERVERS].sqlite
        self._ids = {name: int(key) for key, name in survey.agents.items()}

    def losses(self, merged: Merged, stored: StoredConfig | None) -> dict[str, Any]:
        """Return what the legacy tables have no place for, with its value."""
        if stored is None or merged.action not in {"write", "create"}:
            return {}
        config = stored.config.to_json()
        lost: dict[str, Any] = {}
        for each in self._columns(merged, stored).lost:
            if merged.action == "write" or config.get(each.field) is not None:
                lost[each.text] = config.get(each.field)
        unknown = sorted(merged.add - {EVERY_AGENT} - set(self._ids))
        if unknown:
            lost[f"agents that the platform does not have: {', '.join(unknown)}"] = unknown
        if EVERY_AGENT in merged.add:
            lost["agents: * (each agent of today is assigned; later ones will not be)"] = [EVERY_AGENT]
        if EVERY_AGENT in merged.remove:
            lost["agents: * was taken away"] = []
        return lost

    async def check(self, merged: Merged, legacy: Candidate | None) -> None:
        """Refuse what could not be written without rows of other tables. Raises StillReferenced."""
        if legacy is None or merged.action not in {"delete", "write"}:
            return
        gone = await self._assigned(legacy, None if merged.action == "delete" else merged.remove)
        await self._assignments.refuse_deleting(self._survey.connection, Chosen("id", gone))
        if merged.action == "delete":
            await self._servers.refuse_deleting(self._survey.connection, Chosen("id", [legacy.key]))

    async def write(self, merged: Merged, legacy: Candidate | None, stored: StoredConfig | None) -> None:
        """Do to one server what was decided. Raises StillReferenced."""
        connection = self._survey.connection
        if merged.action == "delete" and legacy is not None:
            await self._assignments.delete(connection, await self._assigned(legacy, None))
            await self._servers.delete(connection, [legacy.key])
        elif merged.action == "write" and legacy is not None and stored is not None:
            changes = {**self._columns(merged, stored).values, **self._moments(stored, "updated_at")}
            await self._servers.update(connection, legacy.key, changes)
            await self._assignments.delete(connection, await self._assigned(legacy, merged.remove))
            await self._assign(legacy.key, merged.add, stored)
        elif merged.action == "create" and stored is not None:
            row = {**self._columns(merged, stored).values, **self._moments(stored, "created_at", "updated_at")}
            key = await self._servers.insert(connection, row)
            await self._assign(key, merged.add, stored)
        else:
            raise MatrixError(f"a {merged.action} of {merged.server!r} was decided without what it is about")

    @property
    def _servers(self) -> LegacyTable:
        return self._survey.tables[SERVERS]

    @property
    def _assignments(self) -> LegacyTable:
        return self._survey.tables[ASSIGNMENTS]

    def _columns(self, merged: Merged, stored: StoredConfig) -> Columns:
        """Return the fields to write as columns of the table as it is, which may lack some, or compute them itself."""
        config: Mapping[str, Any] = self._sealer.unsealed(stored.config.to_json())
        found = to_columns(config, merged.fields, sqlite=self._sqlite)
        usual = to_columns(USUAL, merged.fields, sqlite=self._sqlite).values
        absent = {column for column in found.values if column not in self._servers.types}
        values = {column: value for column, value in found.values.items() if column not in absent}
        unwritten = tuple(
            Lost(field, f"{field} (the table mcp_servers has no column {column} that can be written)")
            for field, column in COLUMNS.items()
            if column in absent and (merged.action == "write" or found.values[column] != usual.get(column))
        )
        return Columns(values, (*found.lost, *unwritten))

    def _moments(self, stored: StoredConfig, *columns: str) -> dict[str, Raw]:
        moments: dict[str, datetime] = {"created_at": stored.created_at, "updated_at": stored.updated_at}
        return {name: _written(moments[name]) for name in columns if name in self._servers.types}

    async def _assign(self, key: int, agents: Iterable[str], stored: StoredConfig) -> None:
        wanted = set(self._ids) if EVERY_AGENT in agents else set(agents) & set(self._ids)
        table = self._assignments
        there = await table.rows_where(self._survey.connection, "mcp_server_id", [key])
        taken = {str(row["agent_id"]) for row in there}
        moments = {name: _written(stored.updated_at) for name in ("created_at", "updated_at") if name in table.types}
        for agent in sorted(wanted):
            number = self._ids[agent]
            if str(number) not in taken:
                row: dict[str, Raw] = {"agent_id": self._number(number), "mcp_server_id": self._number(key), **moments}
                await table.insert(self._survey.connection, row)

    async def _assigned(self, legacy: Candidate, agents: Collection[str] | None) -> list[int]:
        """Return the ids of a server's assignments: those of some agents, or all of them."""
        if agents is not None:
            return [int(str(each.row["id"])) for each in legacy.assignments if each.agent in agents]
        rows = await self._assignments.rows_where(self._survey.connection, "mcp_server_id", [legacy.key])
        return [int(str(row["id"])) for row in rows]

    def _number(self, number: int) -> Raw:
        return number if self._sqlite else str(number)


def _written(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", timespec="microseconds")
