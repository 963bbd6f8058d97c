"""What the tests of the migration share: a platform's data, and dumps that know nothing of our code."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from sqlalchemy import select, text

from matrix.configs.database import Database
from matrix.configs.schema import SERVERS
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore

KEY = "kq3c0kzQ4nM4z6nZ8vS1l0mJ8w2o9f3bq7yT5uR6xXc="
SEALER = Sealer(KEY)
LEGACY = ("agents", "mcp_servers", "agent_mcp_servers")


def dump(url: str, tables: Sequence[str] = LEGACY) -> dict[str, list[Any]]:
    """Return every row of tables with its exact bytes, read without SQLAlchemy."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            return {name: _exact(connection, name) for name in tables}
    with psycopg.connect(url) as connection:
        dumped: dict[str, list[Any]] = {}
        for name in tables:
            with connection.cursor().copy(f"copy (select * from {name} order by 1) to stdout") as copy:
                dumped[name] = b"".join(bytes(part) for part in copy).splitlines()
        return dumped


def _exact(connection: sqlite3.Connection, table: str) -> list[Any]:
    columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    exact = ", ".join(f'typeof("{each}"), hex("{each}"), "{each}" is null' for each in columns)
    found = connection.execute(f"select {exact} from {table} order by 1, 2").fetchall()
    connection.rollback()
    return found


async def execute(database: Database, *statements: str, **values: Any) -> None:
    async with database.writing() as connection:
        for statement in statements:
            await connection.execute(text(statement), values)


async def add_server(database: Database, name: str, **columns: Any) -> None:
    """Add a legacy server; JSON columns are given as text."""
    values = {"server_type": "stdio", "command": '["run",  "it"]', **columns, "name": name}
    sqlite = database.is_sqlite
    json = {"command", "env", "tags", "tools_discovered"}
    places = ", ".join(
        f"cast(:{each} as {'text' if sqlite else 'jsonb'})" if each in json else f":{each}" for each in values
    )
    await execute(database, f"insert into mcp_servers ({', '.join(values)}) values ({places})", **values)


async def assign(database: Database, agent: str, server: str) -> None:
    await execute(
        database,
        "insert into agent_mcp_servers (agent_id, mcp_server_id)"
        " select a.id, s.id from agents a, mcp_servers s where a.name = :agent and s.name = :server",
        agent=agent,
        server=server,
    )


async def add_agents(database: Database, *names: str) -> None:
    for name in names:
        await execute(database, "insert into agents (name) values (:name)", name=name)


@asynccontextmanager
async def platform(url: str) -> AsyncIterator[Database]:
    """Open a database with a small platform in it: two agents, three servers, one with a secret, one for nobody."""
    async with Database(url) as database:
        await add_agents(database, "genie", "simple")
        await add_server(
            database, "linear", env='{"LINEAR_API_KEY":  "lin_api_0123456789", "LEVEL": "debug"}', timeout_seconds=5
        )
        await add_server(
            database, "web", server_type="http", command=None, http_url="https://x.example/", env='{"A":"b"}'
        )
        await add_server(database, "naïve ✓ 服务", enabled=False, tags='["a",  "b"]', last_error='it said "no"\n')
        await assign(database, "genie", "linear")
        await assign(database, "simple", "linear")
        await assign(database, "simple", "naïve ✓ 服务")
        yield database


@asynccontextmanager
async def changing(database: Database) -> AsyncIterator[ConfigStore]:
    async with database.writing() as connection:
        yield ConfigStore(connection, SEALER)


async def legacy_servers(database: Database) -> dict[str, dict[str, Any]]:
    """Return the rows of the legacy servers by name, in the order of their ids."""
    async with database.reading() as connection:
        found = await connection.execute(select(SERVERS).order_by(SERVERS.c.id))
        return {row["name"]: dict(row) for row in found.mappings()}


async def stored(database: Database, name: str) -> dict[str, Any]:
    async with database.reading() as connection:
        found = await ConfigStore(connection).get_mcp_config(name)
    return dict(SEALER.unsealed(found.config.to_json()))


async def delete_in_store(database: Database, name: str) -> None:
    async with changing(database) as store:
        await store.delete_mcp_config(name)
