"""The way back: the legacy tables to the byte, with what changed in the new store since; nothing lost in silence."""

from __future__ import annotations

from typing import Any

import pytest

from matrix.configs.database import Database
from matrix.configs.generator.fill import fill_legacy
from matrix.configs.migration import migrate, rollback, verify
from matrix.configs.migration.rollback import CannotRollBack
from matrix.configs.model import ServerConfig
from matrix.configs.secrets import CannotUnseal, Sealer, new_key
from matrix.configs.store import ConfigStore
from matrix.configs.testing import TestDatabase
from matrix.errors import UsageError
from tests.configs.configs_migration_helpers import (
    SEALER,
    add_server,
    changing,
    dump,
    execute,
    legacy_servers,
    platform,
)

pytestmark = pytest.mark.anyio


async def change(database: Database, name: str, **fields: Any) -> None:
    async with changing(database) as store:
        current = await store.get_mcp_config(name)
        changed = {**current.config.to_json(), **fields}
        await store.update_mcp_config(name, ServerConfig.read({k: v for k, v in changed.items() if v is not None}))


async def names(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [each.name for each in await ConfigStore(connection).list_mcp_configs()]


async def test_migrating_and_rolling_back_changes_no_byte(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        before = dump(matrix_legacy_database.url)
        await migrate(database, SEALER)
        report = await rollback(database, SEALER)
        assert report.untouched == 3
        assert dump(matrix_legacy_database.url) == before
        assert await names(database) == []
        assert (await migrate(database, SEALER)).migrated == 3


async def test_what_was_in_the_store_before_the_migration_stays(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        async with changing(database) as store:
            await store.create_mcp_config(ServerConfig.read({"name": "own", "server_type": "http", "url": "http://y"}))
        await migrate(database, SEALER)
        await rollback(database, SEALER)
        assert await names(database) == ["own"]


async def test_only_the_columns_that_changed_are_written(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        before = dump(matrix_legacy_database.url)
        await migrate(database, SEALER)
        await change(database, "linear", timeout=7000, agents=["simple"])
        report = await rollback(database, SEALER)
        assert report.changed == ("linear",)
        after = dump(matrix_legacy_database.url)
        assert after["agents"] == before["agents"]
        assert len(after["agent_mcp_servers"]) == len(before["agent_mcp_servers"]) - 1
        assert [row for row in after["mcp_servers"] if row not in before["mcp_servers"]][0:] != []
        assert len([row for row in after["mcp_servers"] if row in before["mcp_servers"]]) == 2
        linear = (await legacy_servers(database))["linear"]
        assert linear["timeout_seconds"] == 7
        assert linear["env"] == {"LINEAR_API_KEY": "lin_api_0123456789", "LEVEL": "debug"}


async def test_what_was_created_and_deleted_reaches_the_legacy_tables(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        async with changing(database) as store:
            new = {
                "name": "neu",
                "server_type": "http",
                "url": "http://y",
                "agents": ["genie"],
                "environment": {"K": "v"},
            }
            await store.create_mcp_config(ServerConfig.read(new))
            await store.delete_mcp_config("web")
        report = await rollback(database, SEALER)
        assert (report.created, report.deleted) == (("neu",), ("web",))
        assert sorted(await legacy_servers(database)) == ["linear", "naïve ✓ 服务", "neu"]
        async with database.reading() as connection:
            assert await ConfigStore(connection).get_agent_server_assignments("genie") == ["linear", "neu"]
        await migrate(database, SEALER)
        assert (await verify(database, SEALER)).agrees


async def test_what_only_the_legacy_side_changed_stays(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        await execute(database, "update mcp_servers set status = 'error', max_retries = 7 where name = 'linear'")
        await add_server(database, "late")
        await execute(database, "delete from mcp_servers where name = 'web'")
        await change(database, "linear", timeout=9000)
        before = dump(matrix_legacy_database.url)
        await rollback(database, SEALER)
        rows = await legacy_servers(database)
        assert (rows["linear"]["status"], rows["linear"]["max_retries"]) == ("error", 7)
        assert rows["linear"]["timeout_seconds"] == 9
        assert "late" in rows
        assert "web" not in rows
        assert len(before["mcp_servers"]) == len(rows)


async def test_a_conflict_is_reported_and_decided_by_the_owner(matrix_legacy_database: TestDatabase) -> None:
    for prefer, kept in (("legacy", 7), ("new", 1)):
        async with Database(matrix_legacy_database.url) as database:
            await execute(database, "delete from mcp_servers", "delete from agents")
        async with platform(matrix_legacy_database.url) as database:
            await migrate(database, SEALER)
            await execute(database, "update mcp_servers set max_retries = 7 where name = 'web'")
            await change(database, "web", retry_count=1)
            before = dump(matrix_legacy_database.url, ("mcp_servers", "mcp_configs", "mcp_migrations"))
            with pytest.raises(CannotRollBack, match="'web' retry_count: was changed in the legacy tables and"):
                await rollback(database, SEALER)
            assert dump(matrix_legacy_database.url, tuple(before)) == before
            report = await rollback(database, SEALER, prefer=prefer)
            assert report.aside == ({"web": {"retry_count": 1}} if prefer == "legacy" else {})
            rows = await legacy_servers(database)
            assert rows["web"]["max_retries"] == kept


async def test_what_the_tables_cannot_hold_is_never_dropped_in_silence(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        await change(database, "linear", tools={"include": ["a"]}, timeout=1500, agents=["nobody-known"])
        with pytest.raises(CannotRollBack, match="--accept-losses") as refused:
            await rollback(database, SEALER)
        assert [each.what for each in refused.value.report.losses] == [
            "timeout (the tables count whole seconds)",
            "tools",
            "agents that the platform does not have: nobody-known",
        ]
        report = await rollback(database, SEALER, accept_losses=True)
        assert report.aside["linear"]["tools"] == {"include": ["a"], "exclude": []}


async def test_a_dry_run_writes_nothing(matrix_legacy_database: TestDatabase) -> None:
    tables = ("mcp_servers", "mcp_configs", "mcp_migrations", "mcp_migration_journal")
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        await change(database, "linear", timeout=9000)
        before = dump(matrix_legacy_database.url, tables)
        assert (await rollback(database, SEALER, dry_run=True)).changed == ("linear",)
        assert dump(matrix_legacy_database.url, tables) == before


async def test_tables_that_were_dropped_are_made_again(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        before = dump(matrix_legacy_database.url)
        await migrate(database, SEALER)
        await execute(database, "drop table agent_mcp_servers", "drop table mcp_servers")
        report = await rollback(database, SEALER)
        assert report.recreated == ("mcp_servers", "agent_mcp_servers")
        assert dump(matrix_legacy_database.url) == before
        await add_server(database, "the next one gets an id of its own")


async def test_without_the_key_nothing_is_rolled_back(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        await migrate(database, SEALER)
        for sealer in (Sealer(), Sealer(new_key())):
            with pytest.raises(CannotUnseal, match="MATRIX_CONFIGS_KEY"):
                await rollback(database, sealer)
        assert len(await names(database)) == 3


async def test_there_has_to_be_a_migration(matrix_legacy_database: TestDatabase) -> None:
    async with platform(matrix_legacy_database.url) as database:
        with pytest.raises(UsageError, match="no migration to roll back"):
            await rollback(database, SEALER)


async def test_six_hundred_servers_come_back_to_the_byte(matrix_legacy_database: TestDatabase) -> None:
    async with Database(matrix_legacy_database.url) as database:
        await fill_legacy(database, "production", seed=1)
        before = dump(matrix_legacy_database.url)
        assert (await migrate(database, SEALER)).migrated == len(before["mcp_servers"]) >= 600
        assert (await verify(database, SEALER)).agrees
        chosen = (await names(database))[::50]
        for name in chosen:
            await change(database, name, priority=4711)
        report = await rollback(database, SEALER)
        assert set(report.changed) == set(chosen)
        after = dump(matrix_legacy_database.url)
        assert after["agents"] == before["agents"]
        assert after["agent_mcp_servers"] == before["agent_mcp_servers"]
        assert sum(row in before["mcp_servers"] for row in after["mcp_servers"]) == len(before["mcp_servers"]) - len(
            chosen
        )
