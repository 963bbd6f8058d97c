"""Rows that are put back: only those that differ, whatever became of them and of their tables."""

from __future__ import annotations

from typing import Any

import pytest

from matrix.configs.database_errors import ConstraintViolated
from matrix.configs.migration import migrate, rollback, verify
from matrix.configs.migration.legacy import ColumnGone
from matrix.configs.model import ServerConfig
from tests.configs.configs_migration_helpers import (
    SEALER,
    add_server,
    assign,
    changing,
    delete_in_store,
    execute,
    legacy_servers,
)
from tests.configs.configs_platform import Platform

pytestmark = pytest.mark.anyio


async def test_only_rows_that_differ_are_written(there: Platform) -> None:
    if there.database.is_sqlite:
        pytest.skip("SQLite keeps no versions of rows")

    async def versions() -> dict[str, Any]:
        async with there.database.reading() as connection:
            found = await connection.exec_driver_sql("select name, cast(xmin as text) from mcp_servers")
            return dict(found.all())

    await there.keep()
    before = await versions()
    await execute(there.database, "update mcp_servers set priority = 7 where name = 'web'")
    await there.restore()
    after = await versions()
    assert {name for name in before if before[name] != after[name]} == {"web"}


async def test_rows_are_put_back_whatever_became_of_them(there: Platform) -> None:
    whole = await there.dump()
    await there.keep()
    await execute(
        there.database,
        "update mcp_servers set name = 'swap' where name = 'web'",
        "update mcp_servers set name = 'web' where name = 'linear'",
        "update mcp_servers set name = 'linear' where name = 'swap'",
        "delete from agent_mcp_servers where id = 1",
        "delete from mcp_servers where id = 3",
    )
    await add_server(there.database, "naïve ✓ 服务", id=9)
    await assign(there.database, "genie", "naïve ✓ 服务")
    await execute(there.database, "update agent_mcp_servers set mcp_server_id = 9 where id = 2")
    await there.restore()
    assert await there.dump() == whole
    await add_server(there.database, "next")
    assert (await legacy_servers(there.database))["next"]["id"] > 3


async def test_ids_are_never_given_twice_after_a_restore(there: Platform) -> None:
    await there.keep()
    await add_server(there.database, "late")
    await there.restore()
    await add_server(there.database, "later")
    expected = 4 if there.database.is_sqlite else 5  # SQLite's table itself gives the next free one
    assert (await legacy_servers(there.database))["later"]["id"] == expected


async def test_computed_columns_are_left_alone(there: Platform) -> None:
    stored = "virtual" if there.database.is_sqlite else "stored"
    await execute(
        there.database,
        f"alter table mcp_servers add column label text generated always as (name || '!') {stored}",
    )
    whole = await there.dump()
    await there.keep()
    await migrate(there.database, SEALER)
    async with changing(there.database) as store:
        web = (await store.get_mcp_config("web")).config
        await store.update_mcp_config("web", web.model_copy(update={"timeout": 9000}))
        made = {"name": "neu", "server_type": "http", "url": "http://y"}
        await store.create_mcp_config(ServerConfig.read(made))
    report = await rollback(there.database, SEALER)
    assert (report.changed, report.created) == (("web",), ("neu",))
    await there.restore()
    assert await there.dump() == whole
    assert "label" not in there.backup.read_text(encoding="utf-8")


async def test_computed_columns_are_computed_again_in_tables_that_were_dropped(there: Platform) -> None:
    stored = "virtual" if there.database.is_sqlite else "stored"
    declared = f"alter table mcp_servers add column label text generated always as (name || '%:') {stored}"
    await execute(there.database, declared.replace(":", "\\:"))
    whole = await there.dump()
    await migrate(there.database, SEALER)
    await execute(there.database, "drop table agent_mcp_servers", "drop table mcp_servers")
    await rollback(there.database, SEALER)
    assert (await there.dump())["mcp_servers"] == whole["mcp_servers"]
    await add_server(there.database, "next")
    async with there.database.reading() as connection:
        found = await connection.exec_driver_sql("select label from mcp_servers where name = 'next'")
        assert found.scalar() == "next%:"


async def test_a_field_whose_column_is_computed_is_a_loss_and_no_fault(there: Platform) -> None:
    stored = "virtual" if there.database.is_sqlite else "stored"
    await execute(
        there.database,
        "alter table mcp_servers drop column priority",
        f"alter table mcp_servers add column priority integer generated always as (id * 2) {stored}",
    )
    await migrate(there.database, SEALER)
    async with changing(there.database) as store:
        web = (await store.get_mcp_config("web")).config
        await store.update_mcp_config("web", web.model_copy(update={"priority": 9}))
        made = {"name": "neu", "server_type": "http", "url": "http://y"}
        await store.create_mcp_config(ServerConfig.read(made))
    report = await rollback(there.database, SEALER, accept_losses=True)
    assert [str(each) for each in report.losses] == [
        "'web': priority (the table mcp_servers has no column priority that can be written)"
    ]


async def test_ids_that_only_the_database_gives_are_put_back(there: Platform) -> None:
    if there.database.is_sqlite:
        pytest.skip("SQLite has no identity columns")
    await execute(
        there.database,
        "alter table mcp_servers alter column id drop default",
        "alter table mcp_servers alter column id add generated always as identity (start with 4)",
        "alter table mcp_servers add column line integer generated always as identity",
    )
    whole = await there.dump()
    await there.keep()
    await execute(there.database, "delete from agent_mcp_servers", "delete from mcp_servers where id < 3")
    await there.restore()
    assert await there.dump() == whole
    await migrate(there.database, SEALER)
    async with changing(there.database) as store:
        made = {"name": "neu", "server_type": "http", "url": "http://y"}
        await store.create_mcp_config(ServerConfig.read(made))
    assert (await rollback(there.database, SEALER)).created == ("neu",)
    assert (await legacy_servers(there.database))["neu"]["id"] == 4


async def test_a_column_that_is_gone_is_named(there: Platform) -> None:
    await there.keep()
    await execute(there.database, "alter table mcp_servers drop column timeout_seconds")
    await there.refused(ColumnGone, "mcp_servers has no column 'timeout_seconds' any more", there.restore())


async def test_a_constraint_that_came_since_is_one_sentence(there: Platform) -> None:
    await execute(there.database, "update mcp_servers set priority = 5 where id < 3")
    await there.keep()
    await execute(
        there.database,
        "update mcp_servers set priority = id",
        "create unique index one_priority_each on mcp_servers (priority)",
    )
    await there.refused(ConstraintViolated, "refuses a row: ", there.restore())


async def test_a_restored_store_goes_on(there: Platform) -> None:
    await migrate(there.database, SEALER)
    await there.keep()
    whole = await there.dump()
    await add_server(there.database, "late")
    await migrate(there.database, SEALER)
    await delete_in_store(there.database, "web")
    await rollback(there.database, SEALER)
    await there.restore()
    assert await there.dump() == whole
    assert (await verify(there.database, SEALER)).agrees
    await rollback(there.database, SEALER)
