"""The store: what is asked of it, on both databases alike."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from matrix.configs.database import Database
from matrix.configs.database_errors import ConstraintViolated
from matrix.configs.model import ServerConfig
from matrix.configs.secrets import CannotUnseal, Sealer
from matrix.configs.store import Changed, ConfigStore, DuplicateServer, UnknownServer
from matrix.configs.testing import TestDatabase
from matrix.errors import UsageError
from tests.configs.configs_migration_helpers import SEALER, changing, dump, execute

pytestmark = pytest.mark.anyio


def server(name: str, **more: Any) -> ServerConfig:
    return ServerConfig.read({"name": name, "server_type": "stdio", "command": ["run"], **more})


async def test_an_agent_has_what_names_it_and_what_names_everyone(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database, changing(database) as store:
        await store.create_mcp_config(server("a", agents=["genie", "simple"]))
        await store.create_mcp_config(server("b", agents="*", enabled=False))
        await store.create_mcp_config(server("c"))
        await store.create_mcp_config(server("d", agents=["gen"]))
        assert [each.name for each in await store.list_mcp_configs("genie")] == ["a", "b"]
        assert [each.name for each in await store.list_mcp_configs("genie", enabled_only=True)] == ["a"]
        assert [each.name for each in await store.list_mcp_configs("%")] == ["b"]
        await store.update_mcp_config("a", server("a", agents=["stan"]))
        assert [each.name for each in await store.list_mcp_configs("genie")] == ["b"]
        await store.delete_mcp_config("b")
        assert await store.list_mcp_configs("genie") == []


async def test_pages_follow_code_points_on_both_databases(matrix_database: TestDatabase) -> None:
    names = ["Z", "_", "a", "ä", "é", "服务", "🙂"]
    async with Database(matrix_database.url) as database, changing(database) as store:
        await store.create_many([server(name) for name in reversed(names)])
        assert [each.name for each in await store.list_mcp_configs()] == names
        assert [each.name for each in await store.list_mcp_configs(after="a", limit=2)] == ["ä", "é"]
        assert [each.name async for each in store.stream_mcp_configs()] == names


async def test_a_name_is_there_once(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database, changing(database) as store:
        await store.create_mcp_config(server("a"))
        with pytest.raises(DuplicateServer, match="already has a server 'a'"):
            await store.create_mcp_config(server("a"))
        with pytest.raises(UnknownServer, match="no server 'b'"):
            await store.get_mcp_config("b")


async def test_of_two_changes_of_one_state_only_one_is_taken(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:
        async with changing(database) as store:
            seen = (await store.create_mcp_config(server("a"))).etag

        async def change(priority: int) -> str:
            try:
                async with changing(database) as store:
                    await store.update_mcp_config("a", server("a", priority=priority), if_match=[seen])
            except Changed:
                return "refused"
            return "taken"

        assert sorted(await asyncio.gather(*map(change, range(4)))) == ["refused"] * 3 + ["taken"]


async def test_a_secret_in_clear_is_sealed_or_refused(matrix_database: TestDatabase) -> None:
    secret = server("a", environment={"API_KEY": "hunter2hunter2"})
    async with Database(matrix_database.url) as database:
        with pytest.raises(CannotUnseal, match="MATRIX_CONFIGS_KEY"):
            async with database.writing() as connection:
                await ConfigStore(connection, Sealer()).create_mcp_config(secret)
        async with changing(database) as store:
            await store.create_mcp_config(secret)
            found = await store.get_mcp_config("a")
        assert "hunter2" not in str(found.config)
        assert SEALER.unsealed(found.config.to_json()) == secret.to_json()


BAD = (
    '{"name": "other", "server_type": "stdio", "command": ["x"], "agents": []}',
    '{"name": "zz", "server_type": "pigeon", "agents": []}',
    '{"name": "zz", "server_type": "stdio", "agents": []}',
    '{"name": "zz", "server_type": "stdio", "command": null, "agents": []}',
    '{"name": "zz", "server_type": "http", "agents": []}',
    '{"name": "zz", "server_type": "http", "url": null, "agents": []}',
    '{"name": "zz", "server_type": "http", "url": "x", "agents": "*"}',
    '{"name": "zz", "server_type": "http", "url": "x"}',
    "[]",
    "null",
)


@pytest.mark.parametrize("config", BAD)
async def test_the_table_itself_refuses_what_is_no_config(matrix_database: TestDatabase, config: str) -> None:
    statement = "insert into mcp_configs values (:id, 'zz', :config, '2026-01-01', '2026-01-01')"
    if matrix_database.kind == "postgresql":
        statement = statement.replace(":id", "cast(:id as uuid)").replace(":config", "cast(:config as jsonb)")
    async with Database(matrix_database.url) as database:
        with pytest.raises(ConstraintViolated):
            await execute(database, statement, id=uuid.uuid4().hex, config=config)


async def test_an_agents_look_up_reads_an_index(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database, changing(database) as store:
        await store.create_many([server(f"s{number}", agents=[f"a{number % 40}"]) for number in range(500)])
        query = store._matching("a1", enabled_only=False).compile(dialect=store._connection.dialect)
        explain = "explain query plan " if database.is_sqlite else "explain "
        if not database.is_sqlite:
            await store._connection.execute(text("set local enable_seqscan = off"))
        raw = str(query.string)
        found = await store._connection.exec_driver_sql(explain + raw, _values(query))
        plan = "\n".join(str(row) for row in found)
        assert "mcp_config_agents" in plan if database.is_sqlite else "mcp_configs_config_agents" in plan, plan


def _values(query: Any) -> Any:
    processed = query.construct_params()
    for name, process in query._bind_processors.items():
        processed[name] = process(processed[name])
    return tuple(processed[name] for name in query.positiontup) if query.positional else processed


async def test_a_database_without_a_store_is_named(tmp_path: Any) -> None:
    (tmp_path / "x.db").write_bytes(b"this is no database, and was never one" * 20)
    async with Database(f"sqlite:///{tmp_path}/x.db") as database:
        with pytest.raises(UsageError, match="is no SQLite database"):
            await database.check()


async def test_injections_are_names_like_any_other(matrix_database: TestDatabase) -> None:
    names = [
        "'; drop table mcp_configs; --",
        '" or 1=1 --',
        "a' union select 1 --",
        "%",
        "_",
        "\\",
        "$1",
        ":name",
        "{}",
    ]
    async with Database(matrix_database.url) as database:
        async with changing(database) as store:
            await store.create_many([server(name, agents=[name]) for name in names])
            for name in names:
                assert [each.name for each in await store.list_mcp_configs(name)] == [name]
                assert (await store.get_mcp_config(name)).name == name
        assert len(dump(matrix_database.url, ("mcp_configs",))["mcp_configs"]) == len(names)


async def test_what_a_migration_kept_can_be_left_where_it_is(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database, changing(database) as store:
        await store.create_mcp_config(server("a", legacy={"id": 7, "status": "stopped"}))
        whole = (await store.list_mcp_configs())[0]
        slim = (await store.list_mcp_configs(whole=False))[0]
    assert whole.config.legacy == {"id": 7, "status": "stopped"}
    assert slim.config.to_json() == {key: each for key, each in whole.config.to_json().items() if key != "legacy"}
    assert (slim.id, slim.created_at, slim.updated_at) == (whole.id, whole.created_at, whole.updated_at)
