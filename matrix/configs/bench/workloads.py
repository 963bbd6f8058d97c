"""The same work on both schemas: what code written against the legacy tables does, and what the repository does.

Both sides are handed the same names and configs, answer with the same facts, and use the same connections. Each
operation is a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Protocol

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.generator.generate import new_configs
from matrix.configs.model import EVERY_AGENT, ServerConfig
from matrix.configs.schema import AGENTS, ASSIGNMENTS, SERVERS
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore, DuplicateServer, UnknownServer

PAGE = 100
IMPORTED = 100


class Schema(Protocol):
    """One way to keep configs; every method is one operation in one transaction."""

    async def list_page(self, after: str) -> Any:
        """Return the 100 servers after a name, by name, with their agents."""

    async def get(self, name: str) -> Any:
        """Return a server with its agents."""

    async def of_agent(self, agent: str) -> Any:
        """Return the enabled servers of an agent, by name."""

    async def create(self, config: ServerConfig) -> Any:
        """Add a server whose name is free."""

    async def update(self, config: ServerConfig) -> Any:
        """Replace a server of the same name and agents."""

    async def delete(self, name: str) -> Any:
        """Remove a server, and return it."""

    async def import_all(self, configs: Sequence[ServerConfig]) -> Any:
        """Add many servers, none of whose names may be taken."""


class OldSchema:
    """The two legacy tables, through the same library as the new one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_page(self, after: str) -> Any:
        """Read a page, and then who has those servers."""
        page = select(SERVERS).where(SERVERS.c.name > after).order_by(SERVERS.c.name).limit(PAGE)
        async with self._database.reading() as connection:
            rows = [dict(row) for row in (await connection.execute(page)).mappings()]
            return await self._with_agents(connection, rows)

    async def get(self, name: str) -> Any:
        """Read a row, and then who has that server."""
        async with self._database.reading() as connection:
            return await self._with_agents(connection, [await self._row(connection, name)])

    async def of_agent(self, agent: str) -> Any:
        """Read the rows through the assignments."""
        query = (
            select(SERVERS)
            .join(ASSIGNMENTS, ASSIGNMENTS.c.mcp_server_id == SERVERS.c.id)
            .join(AGENTS, AGENTS.c.id == ASSIGNMENTS.c.agent_id)
            .where(AGENTS.c.name == agent, SERVERS.c.enabled.is_(True))
            .order_by(SERVERS.c.name)
        )
        async with self._database.reading() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def create(self, config: ServerConfig) -> Any:
        """Write a row and its assignments."""
        async with self._database.writing() as connection:
            await self._refuse_taken(connection, [config.name])
            key = await connection.scalar(insert(SERVERS).values(_columns(config)).returning(SERVERS.c.id))
            await self._assign(connection, [(key, config)])

    async def update(self, config: ServerConfig) -> Any:
        """Read the row for update, and write the columns."""
        async with self._database.writing() as connection:
            row = await self._row(connection, config.name, lock=True)
            await connection.execute(
                update(SERVERS)
                .where(SERVERS.c.id == row["id"])
                .values(**_columns(config), updated_at=func.current_timestamp())
            )

    async def delete(self, name: str) -> Any:
        """Remove a row; its assignments go with it."""
        async with self._database.writing() as connection:
            row = await self._row(connection, name, lock=True)
            await connection.execute(delete(SERVERS).where(SERVERS.c.id == row["id"]))
            return row

    async def import_all(self, configs: Sequence[ServerConfig]) -> Any:
        """Write all rows, and then all assignments."""
        names = [config.name for config in configs]
        async with self._database.writing() as connection:
            await self._refuse_taken(connection, names)
            await connection.execute(insert(SERVERS), [_columns(config) for config in configs])
            query = select(SERVERS.c.name, SERVERS.c.id).where(SERVERS.c.name.in_(names))
            keys = {row.name: row.id for row in await connection.execute(query)}
            await self._assign(connection, [(keys[config.name], config) for config in configs])

    async def _row(self, connection: AsyncConnection, name: str, *, lock: bool = False) -> dict[str, Any]:
        query = select(SERVERS).where(SERVERS.c.name == name)
        row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
        if row is None:
            raise UnknownServer(name)
        return dict(row)

    async def _refuse_taken(self, connection: AsyncConnection, names: Sequence[str]) -> None:
        if taken := await connection.scalar(select(SERVERS.c.name).where(SERVERS.c.name.in_(names)).limit(1)):
            raise DuplicateServer(taken)

    async def _with_agents(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> Any:
        by_id = {row["id"]: row | {"agents": list[str]()} for row in rows}
        query = (
            select(ASSIGNMENTS.c.mcp_server_id, AGENTS.c.name)
            .join(AGENTS, AGENTS.c.id == ASSIGNMENTS.c.agent_id)
            .where(ASSIGNMENTS.c.mcp_server_id.in_(list(by_id)))
        )
        for server, agent in await connection.execute(query):
            by_id[server]["agents"].append(agent)
        return list(by_id.values())

    async def _assign(self, connection: AsyncConnection, pairs: Sequence[tuple[Any, ServerConfig]]) -> None:
        wanted = {agent for _, config in pairs for agent in config.agents}
        query = select(AGENTS.c.name, AGENTS.c.id)
        query = query if EVERY_AGENT in wanted else query.where(AGENTS.c.name.in_(wanted))
        agents = {row.name: row.id for row in await connection.execute(query)}
        assignments = [
            {"agent_id": agents[agent], "mcp_server_id": key}
            for key, config in pairs
            for agent in (agents if EVERY_AGENT in config.agents else config.agents)
        ]
        if assignments:
            await connection.execute(insert(ASSIGNMENTS), assignments)


class NewSchema:
    """The store, through its repository: configs are validated, and secrets sealed."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def list_page(self, after: str) -> Any:
        """Read a page."""
        async with self._database.reading() as connection:
            return await ConfigStore(connection).list_mcp_configs(after=after, limit=PAGE)

    async def get(self, name: str) -> Any:
        """Read a config."""
        async with self._database.reading() as connection:
            return await ConfigStore(connection).get_mcp_config(name)

    async def of_agent(self, agent: str) -> Any:
        """Read an agent's configs, as whoever starts its servers does."""
        async with self._database.reading() as connection:
            return await ConfigStore(connection).list_mcp_configs(agent, enabled_only=True, whole=False)

    async def create(self, config: ServerConfig) -> Any:
        """Write a config."""
        async with self._database.writing() as connection:
            return await ConfigStore(connection, self._sealer).create_mcp_config(config)

    async def update(self, config: ServerConfig) -> Any:
        """Replace a config."""
        async with self._database.writing() as connection:
            return await ConfigStore(connection, self._sealer).update_mcp_config(config.name, config)

    async def delete(self, name: str) -> Any:
        """Remove a config."""
        async with self._database.writing() as connection:
            return await ConfigStore(connection, self._sealer).delete_mcp_config(name)

    async def import_all(self, configs: Sequence[ServerConfig]) -> Any:
        """Write all configs."""
        async with self._database.writing() as connection:
            store = ConfigStore(connection, self._sealer)
            if taken := await store.find_mcp_configs([config.name for config in configs]):
                raise DuplicateServer(min(taken))
            return await store.create_many(configs)


@dataclass(frozen=True)
class Amounts:
    """How many rounds, how often each operation is done in one, and how often all is migrated and rolled back."""

    rounds: int = 7
    pages: int = 12
    gets: int = 40
    agents: int = 8
    writes: int = 25
    imports: int = 1
    moves: int = 3


USUAL = Amounts()


@dataclass(frozen=True)
class Inputs:
    """What one round is done with; the same for both sides."""

    pages: Sequence[str]
    names: Sequence[str]
    agents: Sequence[str]
    created: Sequence[ServerConfig]
    imported: Sequence[Sequence[ServerConfig]]

    @property
    def changed(self) -> Sequence[ServerConfig]:
        """What the created configs are replaced by."""
        return [replaced(config, description="changed", priority=7, enabled=False) for config in self.created]


Action = Callable[[Schema, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """Something that is measured: its name, what it is done to in a round, how it is done, and how many it handles."""

    name: str
    items: Callable[[Inputs], Sequence[Any]]
    action: Action
    each: int = 1


OPERATIONS = (
    Operation("list", lambda inputs: inputs.pages, lambda schema, after: schema.list_page(after)),
    Operation("get", lambda inputs: inputs.names, lambda schema, name: schema.get(name)),
    Operation("agent", lambda inputs: inputs.agents, lambda schema, agent: schema.of_agent(agent)),
    Operation("create", lambda inputs: inputs.created, lambda schema, config: schema.create(config)),
    Operation("update", lambda inputs: inputs.changed, lambda schema, config: schema.update(config)),
    Operation("delete", lambda inputs: inputs.created, lambda schema, config: schema.delete(config.name)),
    Operation("import", lambda inputs: inputs.imported, lambda schema, all_: schema.import_all(all_), IMPORTED),
)
"""In the order in which a round does them: what is created is changed, and then removed."""


def inputs(rounds: int, amounts: Amounts, names: Sequence[str], agents: Sequence[str]) -> Iterator[Inputs]:
    """Yield what each round is done with: names and agents of the data, and configs whose names are free."""
    random = Random(0)  # noqa: S311  (a choice of samples)
    written = amounts.writes + amounts.imports * IMPORTED
    for number in range(rounds):
        fresh = fresh_configs(number, written, agents)
        yield Inputs(
            pages=random.choices(names, k=amounts.pages),
            names=random.choices(names, k=amounts.gets),
            agents=[agents[(2 * place + 1) * len(agents) // (2 * amounts.agents)] for place in range(amounts.agents)],
            created=list(islice(fresh, amounts.writes)),
            imported=[list(islice(fresh, IMPORTED)) for _ in range(amounts.imports)],
        )


def fresh_configs(number: int, count: int, agents: Sequence[str]) -> Iterator[ServerConfig]:
    """Yield configs for a round to write, each for three at most of the agents that there are."""
    for place, each in enumerate(new_configs(count, 1 + number)):
        config = ServerConfig.read(each)
        holders = [agents[(place + step) % len(agents)] for step in range(min(len(config.agents), len(agents), 3))]
        yield replaced(config, name=f"bench {number} {place}", agents=holders)


def replaced(config: ServerConfig, **changes: Any) -> ServerConfig:
    """Return a config with some fields changed."""
    return config.model_copy(update=changes)


def _columns(config: ServerConfig) -> Mapping[str, Any]:
    return {
        "name": config.name,
        "server_type": config.server_type,
        "description": config.description,
        "command": config.command,
        "env": config.environment,
        "http_url": config.url,
        "auto_start": config.auto_start,
        "max_retries": config.retry_count,
        "timeout_seconds": min(config.timeout // 1000, 2**31 - 1),
        "tags": config.tags,
        "priority": config.priority,
        "enabled": config.enabled,
    }
