"""Migrating, rolling back and restoring touch no table of others; what cannot be without that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from matrix.configs.database import Database
from matrix.configs.migration import migrate, rollback
from matrix.configs.migration.other_tables import OtherTableTouched, StillReferenced
from matrix.configs.migration.restore import NotAsKept
from matrix.configs.rollout.dual_write import OutOfStep, write_legacy
from matrix.configs.store import ConfigStore
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
ACTIONS = ("cascade", "set null", "restrict", "no action")


async def add_notes(database: Database, action: str, parent: str = "mcp_servers", column: str = "id") -> None:
    """Make a table that refers to another one, with a row for each of its rows."""
    kind = "integer" if column == "id" else "varchar(255)"
    await execute(
        database,
        f"create table notes (id integer primary key, of {kind} references {parent} ({column})"
        f" on delete {action} on update cascade, note text)",
        f"insert into notes (id, of, note) select row_number() over (order by {column}), {column}, 'x' from {parent}",
    )


async def note(database: Database, of: Any) -> None:
    await execute(database, "insert into notes (id, of, note) values (99, :of, 'late')", of=of)


@pytest.mark.parametrize("action", ACTIONS)
async def test_there_and_back_and_restored_no_other_table_has_changed(there: Platform, action: str) -> None:
    await add_notes(there.database, action)
    whole, others = await there.dump(), await there.others()
    await there.keep()
    await migrate(there.database, SEALER)
    assert await there.others() == others
    await rollback(there.database, SEALER)
    assert await there.others() == others
    await there.restore()
    assert await there.dump() == whole
    await migrate(there.database, SEALER)
    await there.restore()
    assert await there.dump() == whole


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_server_that_came_since_is_not_taken_from_those_who_refer_to_it(there: Platform, action: str) -> None:
    await add_notes(there.database, action)
    await there.keep()
    await add_server(there.database, "late")
    await note(there.database, 4)
    await there.refused(
        StillReferenced, r"row of mcp_servers .* deleted, and 1 row refers to it in \"?notes", there.restore()
    )
    await execute(there.database, "delete from notes where id = 99")
    await there.restore()
    assert sorted(await legacy_servers(there.database)) == ["linear", "naïve ✓ 服务", "web"]


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_rollback_deletes_no_server_to_which_others_refer(there: Platform, action: str) -> None:
    await add_notes(there.database, action)
    await migrate(there.database, SEALER)
    await delete_in_store(there.database, "web")
    for dry_run in (True, False):
        work = rollback(there.database, SEALER, dry_run=dry_run)
        await there.refused(StillReferenced, "1 row refers to it in", work)
    await execute(there.database, "delete from notes where of = 2")
    assert (await rollback(there.database, SEALER)).deleted == ("web",)


async def test_a_dual_write_deletes_no_server_to_which_others_refer(there: Platform) -> None:
    await add_notes(there.database, "cascade")
    await migrate(there.database, SEALER)

    async def delete() -> None:
        async with there.database.writing() as connection:
            gone = await ConfigStore(connection, SEALER).delete_mcp_config("linear")
            await write_legacy(connection, SEALER, gone, None)

    await there.refused(OutOfStep, "'linear' in the legacy tables: .* refers to it in", delete())


async def test_a_name_to_which_others_refer_is_not_changed_back(there: Platform) -> None:
    await add_notes(there.database, "cascade", column="name")
    await there.keep()
    await execute(there.database, "update mcp_servers set name = 'renamed' where name = 'web'")
    await there.refused(StillReferenced, "row of mcp_servers .* changed, and 1 row refers", there.restore())


async def test_assignments_to_which_others_refer_stay(there: Platform) -> None:
    await add_notes(there.database, "cascade", parent="agent_mcp_servers")
    await there.keep()
    await migrate(there.database, SEALER)
    others = await there.others()
    await there.restore()
    assert await there.others() == others
    await assign(there.database, "genie", "web")
    await note(there.database, 4)
    await there.refused(StillReferenced, "row of agent_mcp_servers", there.restore())
    await execute(there.database, "delete from notes where id = 99")
    await migrate(there.database, SEALER)
    async with changing(there.database) as store:
        linear = (await store.get_mcp_config("linear")).config
        await store.update_mcp_config("linear", linear.model_copy(update={"agents": ["simple"]}))
    await there.refused(StillReferenced, "row of agent_mcp_servers", rollback(there.database, SEALER))


async def test_configs_to_which_others_refer_stay(there: Platform) -> None:
    await there.keep()
    await migrate(there.database, SEALER)
    await add_notes(there.database, "cascade", parent="mcp_configs", column="name")
    await there.refused(StillReferenced, "row of mcp_configs", rollback(there.database, SEALER, dry_run=True))
    await there.refused(StillReferenced, "row of mcp_configs", rollback(there.database, SEALER))
    await there.refused(StillReferenced, "row of mcp_configs", there.restore())


async def test_a_server_below_another_one_is_not_taken_along(there: Platform) -> None:
    await execute(
        there.database,
        "alter table mcp_servers add column parent integer references mcp_servers (id) on delete cascade",
        "update mcp_servers set parent = 2 where id = 1",
    )
    await migrate(there.database, SEALER)
    await delete_in_store(there.database, "web")
    await there.refused(StillReferenced, 'refers to it in "?mcp_servers', rollback(there.database, SEALER))


async def add_trigger(database: Database, name: str, event: str, body: str) -> None:
    """Make a trigger on the legacy servers whose body is one statement; both databases know `new`."""
    if database.is_sqlite:
        await execute(database, f"create trigger {name} after {event} on mcp_servers begin {body}; end")
        return
    await execute(
        database,
        f"create function {name}() returns trigger language plpgsql as $$ begin {body}; return null; end $$",
        f"create trigger {name} after {event} on mcp_servers for each row execute function {name}()",
    )


@pytest.fixture
async def logged(there: Platform) -> Platform:
    """A platform that writes down every change of a server."""
    await execute(there.database, "create table log (name varchar(255))")
    await add_trigger(there.database, "log_servers", "update", "insert into log (name) values (new.name)")
    return there


async def test_what_a_trigger_would_write_elsewhere_is_refused_and_both_are_named(logged: Platform) -> None:
    await logged.keep()
    await migrate(logged.database, SEALER)
    async with changing(logged.database) as store:
        web = (await store.get_mcp_config("web")).config
        await store.update_mcp_config("web", web.model_copy(update={"timeout": 9000}))
    said = "the trigger log_servers of mcp_servers would have changed log as well"
    await logged.refused(OtherTableTouched, said, rollback(logged.database, SEALER))
    await execute(logged.database, "update mcp_servers set priority = 7 where name = 'linear'")
    await logged.refused(OtherTableTouched, said, logged.restore())


async def test_a_trigger_is_in_nobodys_way_where_no_row_changes(logged: Platform) -> None:
    await logged.keep()
    whole = await logged.dump()
    await migrate(logged.database, SEALER)
    await rollback(logged.database, SEALER)
    await logged.restore()
    assert await logged.dump() == whole


async def test_a_trigger_that_writes_the_same_row_is_in_the_way_of_a_restore_only(there: Platform) -> None:
    body = "update mcp_servers set last_error = 'touched' where id = new.id and last_error is null"
    await add_trigger(there.database, "touch", "update", body)
    await there.keep()
    await migrate(there.database, SEALER)
    async with changing(there.database) as store:
        web = (await store.get_mcp_config("web")).config
        await store.update_mcp_config("web", web.model_copy(update={"timeout": 9000}))
    assert (await rollback(there.database, SEALER)).changed == ("web",)
    said = "the trigger touch of mcp_servers changes last_error of mcp_servers"
    await there.refused(NotAsKept, said, there.restore())


async def test_the_watch_leaves_nothing_behind(logged: Platform) -> None:
    await logged.keep()
    for _ in range(3):
        await logged.restore()
    await execute(logged.database, "update mcp_servers set priority = 8 where id = 1")
    assert len((await logged.others())["log"]) == 1
    if logged.database.is_sqlite:
        async with logged.database.reading() as connection:
            found = await connection.exec_driver_sql("select name from temp.sqlite_schema")
            assert found.all() == []
