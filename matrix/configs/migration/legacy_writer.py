"""Writing into the legacy tables what was decided: only the columns that changed, only the assignments that differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from matrix.configs.migration.legacy import ASSIGNMENTS, SERVERS, Raw
from matrix.configs.migration.mapping import to_columns
from matrix.configs.migration.merge import Merged
from matrix.configs.migration.survey import Candidate, Survey
from matrix.configs.model import EVERY_AGENT
from matrix.configs.secrets import Sealer
from matrix.configs.store import StoredConfig
from matrix.errors import MatrixError


class Carrier:
    """Carries changes of the new store over into the legacy tables."""

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
        for name in to_columns(self._sealer.unsealed(config), merged.fields, sqlite=self._sqlite).lost:
            field = name.partition(" ")[0]
            if merged.action == "write" or config.get(field) is not None:
                lost[name] = config.get(field)
        unknown = sorted(merged.add - {EVERY_AGENT} - set(self._ids))
        if unknown:
            lost[f"agents that the platform does not have: {', '.join(unknown)}"] = unknown
        if EVERY_AGENT in merged.add:
            lost["agents: * (each agent of today is assigned; later ones will not be)"] = [EVERY_AGENT]
        if EVERY_AGENT in merged.remove:
            lost["agents: * was taken away"] = []
        return lost

    async def carry(self, merged: Merged, legacy: Candidate | None, stored: StoredConfig | None) -> None:
        """Do to one server what was decided."""
        if merged.action == "delete" and legacy is not None:
            await self._unassign(legacy, [each.agent for each in legacy.assignments])
            await self._servers.delete(self._survey.connection, legacy.key)
        elif merged.action == "write" and legacy is not None and stored is not None:
            changes = {**self._columns(merged, stored), **self._moments(stored, "updated_at")}
            await self._servers.update(self._survey.connection, legacy.key, changes)
            await self._unassign(legacy, merged.remove)
            await self._assign(legacy.key, merged.add, stored)
        elif merged.action == "create" and stored is not None:
            row = {**self._columns(merged, stored), **self._moments(stored, "created_at", "updated_at")}
            key = await self._servers.insert(self._survey.connection, row)
            await self._assign(key, merged.add, stored)
        else:
            raise MatrixError(f"a {merged.action} of {merged.server!r} was decided without what it is about")

    @property
    def _servers(self) -> Any:
        return self._survey.tables[SERVERS]

    def _columns(self, merged: Merged, stored: StoredConfig) -> dict[str, Raw]:
        config: Mapping[str, Any] = self._sealer.unsealed(stored.config.to_json())
        return dict(to_columns(config, merged.fields, sqlite=self._sqlite).values)

    def _moments(self, stored: StoredConfig, *columns: str) -> dict[str, Raw]:
        moments: dict[str, datetime] = {"created_at": stored.created_at, "updated_at": stored.updated_at}
        return {name: _written(moments[name]) for name in columns if name in self._servers.types}

    async def _assign(self, key: int, agents: Iterable[str], stored: StoredConfig) -> None:
        wanted = set(self._ids) if EVERY_AGENT in agents else set(agents) & set(self._ids)
        table = self._survey.tables[ASSIGNMENTS]
        there = await table.rows_where(self._survey.connection, "mcp_server_id", [key])
        taken = {str(row["agent_id"]) for row in there}
        moments = {name: _written(stored.updated_at) for name in ("created_at", "updated_at") if name in table.types}
        for agent in sorted(wanted):
            number = self._ids[agent]
            if str(number) not in taken:
                row: dict[str, Raw] = {"agent_id": self._number(number), "mcp_server_id": self._number(key), **moments}
                await table.insert(self._survey.connection, row)

    async def _unassign(self, legacy: Candidate, agents: Iterable[str]) -> None:
        gone = set(agents)
        for each in legacy.assignments:
            if each.agent in gone:
                await self._survey.tables[ASSIGNMENTS].delete(self._survey.connection, int(str(each.row["id"])))

    def _number(self, number: int) -> Raw:
        return number if self._sqlite else str(number)


def _written(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", timespec="microseconds")
