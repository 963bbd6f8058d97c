"""Migrating, rolling back and restoring touch no table of others; what cannot be without that is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from matrix.configs.database import Database
from matrix.configs.database_errors import ConstraintViolated
from matrix.configs.migration import migrate, rollback, verify
from matrix.configs.migration.backup import write_backup
from matrix.configs.migration.legacy import ColumnGone
from matrix.configs.migration.other_tables import OtherTableTouched, StillReferenced
from matrix.configs.migration.restore import NotAsKept, restore_backup
from matrix.configs.model import ServerConfig
from matrix.configs.rollout.dual_write import OutOfStep, write_legacy
from matrix.configs.schema import LEGACY, STORE
from matrix.configs.store import ConfigStore
from matrix.configs.testing import TestDatabase
from tests.configs.configs_migration_helpers import (
    SEALER,
    add_server,
    assign,
    changing,
    dump,
    execute,
    legacy_servers,
    platform,
)

pytestmark = pytest.mark.anyio
ACTIONS = ("cascade", "set null", "restrict", "no action")


@dataclass
class Platform:
    """A platform with its database, and dumps of it."""

    database: Database
    url: str
    backup: Path

    async def dump(self, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, list[Any]]:
        async with self.database.reading() as connection:
            names = await connection.run_sync(lambda each: inspect(each).get_table_names())
        dumped = dump(self.url, [name for name in sorted(names) if wanted(name)])
        return {name: sorted(rows, key=repr) for name, rows in dumped.items()}

    async def others(self) -> dict[str, list[Any]]:
        """Dump every table that is neither ours nor one of the two that we write."""
        ours = {*STORE.tables, *LEGACY.tables, "mcp_config_agents"} - {"agents"}
        return await self.dump(lambda name: name not in ours)

    async def keep(self) -> None:
        await write_backup(self.database, SEALER, self.backup)

    async def restore(self) -> None:
        await restore_backup(self.database, SEALER, self.backup)

    async def refused(self, error: type[Exception], match: str, work: Any) -> None:
        """Have some work refused, and nothing at all changed by it."""
        before = await self.dump()
        with pytest.raises(error, match=match):
            await work
        assert await self.dump() == before


@pytest.fixture
async def there(matrix_legacy_database: TestDatabase, tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(matrix_legacy_database.url) as database:
        yield Platform(database, matrix_legacy_database.url, tmp_path / "backup.jsonl")


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


async def delete_in_store(database: Database, name: str) -> None:
    async with changing(database) as store:
        await store.delete_mcp_config(name)


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
