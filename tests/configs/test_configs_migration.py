"""The migration keeps every fact and widens nobody's access; what stands in its way is named before it writes."""

from __future__ import annotations

import asyncio
import json

import pytest

from matrix.configs.database import Database
from matrix.configs.migration import make_plan, migrate, verify
from matrix.configs.migration.migrate import CannotMigrate
from matrix.configs.model import ServerConfig
from matrix.configs.secrets import Sealer
from matrix.configs.testing import TestDatabase
from matrix.errors import UsageError
from tests.configs.configs_migration_helpers import (
    SEALER,
    add_agents,
    add_server,
    assign,
    changing,
    dump,
    execute,
    platform,
    stored,
)

pytestmark = pytest.mark.anyio
STORE = ("mcp_configs", "mcp_migrations")


async def test_every_column_is_mapped_or_kept(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        linear = await stored(database, "linear")
        legacy = linear.pop("legacy")
        assert linear == {
            "name": "linear",
            "server_type": "stdio",
            "command": ["run", "it"],
            "environment": {"LINEAR_API_KEY": "lin_api_0123456789", "LEVEL": "debug"},
            "agents": ["genie", "simple"],
            "timeout": 5000,
            "retry_count": 3,
            "enabled": True,
            "auto_start": True,
            "priority": 0,
        }
        assert legacy["status"] == "stopped"
        assert legacy["id"] == 1
        assert [each["agent"] for each in legacy["assignments"]] == ["genie", "simple"]
        odd = await stored(database, "naïve ✓ 服务")
        assert odd["enabled"] is False
        assert odd["tags"] == ["a", "b"]
        assert odd["legacy"]["last_error"] == 'it said "no"\n'


async def test_the_environment_of_an_http_server_is_kept(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        assert (await stored(database, "web"))["environment"] == {"A": "b"}


async def test_a_server_without_an_assignment_is_for_nobody(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        report = await migrate(database, SEALER)
        assert report.plan.for_nobody == ("web",)
        assert (await stored(database, "web"))["agents"] == []


async def test_a_column_that_nobody_told_us_of_is_kept(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await execute(database, 'alter table mcp_servers add column "our:own" text')
        await execute(database, "update mcp_servers set \"our\\:own\" = 'x y' where name = 'web'")
        await migrate(database, SEALER)
        assert (await stored(database, "web"))["legacy"]["our:own"] == "x y"


async def test_the_legacy_tables_are_not_touched(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        before = dump(matrix_legacy_database.url)
        await migrate(database, SEALER)
        assert dump(matrix_legacy_database.url) == before


async def test_no_secret_is_stored_in_clear(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
    written = dump(matrix_legacy_database.url, (*STORE, "mcp_migration_journal"))
    shown = json.dumps(written, default=lambda each: each.decode("utf-8"))
    assert "lin_api_0123456789" not in shown
    assert b"lin_api_0123456789".hex().upper() not in shown


async def test_a_secret_in_clear_without_a_key_stops_it(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        with pytest.raises(CannotMigrate, match="MATRIX_CONFIGS_KEY") as refused:
            await migrate(database, Sealer())
        assert "lin_api" not in str(refused.value)


async def test_an_orphan_stops_it_and_is_named(matrix_legacy_database: TestDatabase) -> None:
    if matrix_legacy_database.kind == "postgresql":
        orphaning = ("alter table agent_mcp_servers drop constraint agent_mcp_servers_agent_id_fkey",)
    else:
        orphaning = ()
    async with platform(matrix_legacy_database.url) as database:
        await execute(database, *orphaning)
        await _without_foreign_keys(database, "insert into agent_mcp_servers (agent_id, mcp_server_id) values (77, 1)")
        with pytest.raises(CannotMigrate, match="agent_mcp_servers 4: is an orphan: there is no agent 77"):
            await migrate(database, SEALER)
        assert dump(matrix_legacy_database.url, STORE) == {name: [] for name in STORE}


async def _without_foreign_keys(database: Database, statement: str) -> None:
    from sqlalchemy import text

    async with database.engine.connect() as connection:
        if database.is_sqlite:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute("pragma foreign_keys = off")
        await connection.execute(text(statement))
        await connection.commit()


async def test_every_problem_is_reported_before_anything_is_written(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await add_server(database, "odd", command='{"not": "a list"}')
        await add_server(database, "worse", env='{"A": ["b"]}')
        async with changing(database) as store:
            await store.create_mcp_config(ServerConfig.read({"name": "web", "server_type": "http", "url": "http://y"}))
        before = dump(matrix_legacy_database.url, STORE)
        plan = await make_plan(database, SEALER)
        assert [each.where for each in plan.problems] == [
            "mcp_servers 2 ('web')",
            "mcp_servers 4 ('odd')",
            "mcp_servers 5 ('worse')",
        ]
        with pytest.raises(CannotMigrate):
            await migrate(database, SEALER)
        assert dump(matrix_legacy_database.url, STORE) == before


async def test_a_server_can_be_left_out_by_name(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await add_server(database, "odd", command='{"not": "a list"}')
        report = await migrate(database, SEALER, exclude=["odd"])
        assert report.migrated == 3
        assert report.plan.excluded == ("odd",)
        with pytest.raises(UsageError, match="--exclude nobody"):
            await migrate(database, SEALER, exclude=["nobody"])


async def test_it_can_be_run_again_and_adds_only_what_is_new(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        assert (await migrate(database, SEALER)).migrated == 3
        before = dump(matrix_legacy_database.url, STORE)
        assert (await migrate(database, SEALER)).migrated == 0
        assert dump(matrix_legacy_database.url, STORE) == before
        await add_server(database, "late")
        assert (await migrate(database, SEALER)).plan.new == ("late",)
        assert (await verify(database, SEALER)).agrees


async def test_of_two_migrations_at_once_one_waits_and_finds_nothing_to_do(
    matrix_legacy_database: TestDatabase,
) -> None:
    async with platform(matrix_legacy_database.url) as database, Database(matrix_legacy_database.url) as other:
        reports = await asyncio.gather(migrate(database, SEALER), migrate(other, SEALER))
        assert sorted(each.migrated for each in reports) == [0, 3]
        assert (await verify(database, SEALER)).agrees


async def test_verification_sees_differences_in_both_directions(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        await add_server(database, "late")
        await execute(database, "update mcp_servers set max_retries = 9 where name = 'web'")
        async with changing(database) as store:
            await store.create_mcp_config(
                ServerConfig.read({"name": "newer", "server_type": "http", "url": "http://y"})
            )
        found = await verify(database, SEALER)
        assert [(each.server, each.fields) for each in found.different] == [("web", ("retry_count",))]
        assert found.only_legacy == ("late",)
        assert found.only_new == ("newer",)
        assert not found.agrees


async def test_an_agent_called_star_would_be_everyone_and_stops_it(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await add_agents(database, "*")
        await assign(database, "*", "web")
        with pytest.raises(CannotMigrate, match="would mean everyone"):
            await migrate(database, SEALER)


async def test_a_switch_that_is_null_is_off(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await execute(database, "update mcp_servers set enabled = null where name = 'web'")
        await migrate(database, SEALER)
        assert (await stored(database, "web"))["enabled"] is False


async def test_without_legacy_tables_there_is_nothing_to_migrate(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:
        with pytest.raises(UsageError, match="agents is not there"):
            await migrate(database, SEALER)
