"""The repository of configs: what can be asked of the store, on a connection that the caller's transaction owns."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    delete,
    insert,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.model import EVERY_AGENT, ServerConfig, fingerprint
from matrix.configs.schema import AGENTS, ASSIGNMENTS, CONFIGS, SERVERS
from matrix.configs.secrets import Sealer
from matrix.errors import UsageError

BATCH = 500
_KEYS = (CONFIGS.c.id, CONFIGS.c.name, CONFIGS.c.created_at, CONFIGS.c.updated_at)


class UnknownServer(UsageError):
    """No server of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the store has no server {name!r}")


class DuplicateServer(UsageError):
    """There is a server of this name already."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the store already has a server {name!r}")


class Changed(UsageError):
    """The config is no longer the one that the caller has seen."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the server {name!r} was changed meanwhile; read it again, and apply the change to that")


@dataclass(frozen=True)
class StoredConfig:
    """A config as it is stored: its secrets sealed."""

    id: uuid.UUID
    config: ServerConfig
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """The server's name."""
        return self.config.name

    @property
    def etag(self) -> str:
        """A tag that changes with every write."""
        return fingerprint([str(self.id), self.updated_at.isoformat(), self.config.to_json()])


class ConfigStore:
    """The configs of one database, within one transaction; every statement is parameterised.

    What is written has its secrets sealed first: a secret in clear without a key is refused (CannotUnseal).
    """

    def __init__(self, connection: AsyncConnection, sealer: Sealer | None = None) -> None:
        self._connection = connection
        self._sealer = sealer or Sealer()
        self._sqlite = connection.dialect.name == "sqlite"

    async def list_mcp_configs(
        self,
        agent: str | None = None,
        *,
        enabled_only: bool = False,
        after: str | None = None,
        limit: int | None = None,
        whole: bool = True,
    ) -> list[StoredConfig]:
        """Return configs sorted by name; those of one agent, those that are enabled; `limit` of them after a name.

        Without `whole`, what a migration kept under `legacy` stays in the database: who starts servers has no use
        for it, and it is most of what a migrated config weighs.
        """
        query = self._matching(agent, enabled_only=enabled_only, whole=whole).order_by(
            _by_name(CONFIGS.c.name, self._sqlite)
        )
        if after is not None:
            query = query.where(_by_name(CONFIGS.c.name, self._sqlite) > after)
        found = await self._connection.execute(query if limit is None else query.limit(limit))
        return [_stored(row) for row in found]

    async def stream_mcp_configs(self) -> AsyncIterator[StoredConfig]:
        """Yield every config by name, without holding all of them."""
        after: str | None = None
        while found := await self.list_mcp_configs(after=after, limit=BATCH):
            for each in found:
                yield each
            after = found[-1].name

    async def get_mcp_config(self, name: str, *, lock: bool = False) -> StoredConfig:
        """Return one config; with `lock`, nobody else can change it before this transaction ends.

        Raises UnknownServer.
        """
        query = select(CONFIGS).where(CONFIGS.c.name == name)
        row = (await self._connection.execute(query.with_for_update() if lock else query)).one_or_none()
        if row is None:
            raise UnknownServer(name)
        return _stored(row)

    async def find_mcp_configs(self, names: Sequence[str]) -> dict[str, StoredConfig]:
        """Return the configs of these names that there are."""
        found = await self._connection.execute(select(CONFIGS).where(CONFIGS.c.name.in_(names)))
        return {row.name: _stored(row) for row in found}

    async def create_mcp_config(self, config: ServerConfig) -> StoredConfig:
        """Add a config. Raises DuplicateServer."""
        taken = await self._connection.scalar(select(CONFIGS.c.id).where(CONFIGS.c.name == config.name))
        if taken is not None:
            raise DuplicateServer(config.name)
        return (await self.create_many([config]))[0]

    async def create_many(self, configs: Sequence[ServerConfig]) -> list[StoredConfig]:
        """Add configs whose names are known to be free."""
        moment = now()
        made = [StoredConfig(uuid.uuid4(), self._sealed(config), moment, moment) for config in configs]
        await self.insert(made)
        return made

    async def insert(self, stored: Sequence[StoredConfig]) -> None:
        """Write configs as they are, with their ids and moments."""
        for start in range(0, len(stored), BATCH):
            await self._connection.execute(insert(CONFIGS), [_row(each) for each in stored[start : start + BATCH]])

    async def update_mcp_config(
        self, name: str, config: ServerConfig, *, if_match: Sequence[str] | None = None
    ) -> StoredConfig:
        """Replace a config of the same name. Raises UnknownServer, and Changed where no tag is the current one."""
        current = await self.get_mcp_config(name, lock=True)
        _unchanged(current, if_match)
        moment = max(now(), current.updated_at)
        changed = StoredConfig(current.id, self._sealed(config), current.created_at, moment)
        row = _row(changed)
        statement = update(CONFIGS).where(CONFIGS.c.id == current.id)
        await self._connection.execute(statement.values(config=row["config"], updated_at=row["updated_at"]))
        return changed

    async def delete_mcp_config(self, name: str, *, if_match: Sequence[str] | None = None) -> StoredConfig:
        """Remove a config and return what it was. Raises UnknownServer, Changed."""
        current = await self.get_mcp_config(name, lock=True)
        _unchanged(current, if_match)
        await self._connection.execute(delete(CONFIGS).where(CONFIGS.c.id == current.id))
        return current

    async def get_agent_server_assignments(self, agent: str) -> list[str]:
        """Return the names of the servers that the legacy tables assign to an agent, sorted."""
        found = await self._connection.scalars(
            select(SERVERS.c.name)
            .join(ASSIGNMENTS, ASSIGNMENTS.c.mcp_server_id == SERVERS.c.id)
            .join(AGENTS, AGENTS.c.id == ASSIGNMENTS.c.agent_id)
            .where(AGENTS.c.name == agent)
        )
        return sorted(found)

    def _matching(self, agent: str | None, *, enabled_only: bool, whole: bool = True) -> Select[Any]:
        columns: Sequence[ColumnElement[Any]] = [*CONFIGS.c] if whole else [*_KEYS, self._without_legacy()]
        query = select(*columns)
        if agent is not None:
            query = query.where(self._is_for(agent))
        if enabled_only:
            # The + keeps SQLite from the index of what is enabled: most of the table is, and there is a better one.
            enabled = "+json_extract(config, '$.enabled') = 1" if self._sqlite else "config ->> 'enabled' = 'true'"
            query = query.where(text(enabled))
        return query

    def _without_legacy(self) -> ColumnElement[Any]:
        removed = "json_remove(config, '$.legacy')" if self._sqlite else "config - 'legacy'"
        return type_coerce(literal_column(removed), CONFIGS.c.config.type).label("config")

    def _is_for(self, agent: str) -> ColumnElement[bool]:
        """Return the condition that reads an index: the side table on SQLite, the GIN index on PostgreSQL."""
        if self._sqlite:
            holders = text("select name from mcp_config_agents where agent in (:agent, :every)")
            return CONFIGS.c.name.in_(holders.bindparams(agent=agent, every=EVERY_AGENT).columns(CONFIGS.c.name))
        agents: ColumnElement[Any] = literal_column("(config -> 'agents')", JSONB())
        return or_(agents.contains([agent]), agents.contains([EVERY_AGENT]))

    def _sealed(self, config: ServerConfig) -> ServerConfig:
        plain = config.to_json()
        sealed = self._sealer.sealed(plain)
        return config if sealed == plain else ServerConfig.read(sealed, stored=True)


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


def _by_name(column: Any, sqlite: bool) -> Any:
    """Order names by code point on both databases: PostgreSQL's default would follow the server's language."""
    return column if sqlite else column.collate("C")


def _unchanged(current: StoredConfig, if_match: Sequence[str] | None) -> None:
    if if_match is not None and current.etag not in if_match:
        raise Changed(current.name)


def _stored(row: Any) -> StoredConfig:
    return StoredConfig(row.id, ServerConfig.read(row.config, stored=True), row.created_at, row.updated_at)


def _row(stored: StoredConfig) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": stored.name,
        "config": stored.config.to_json(),
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }
