"""Whatever a database raises is one sentence, and no command ever shows a value that it was handed."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from matrix.cli.main import main
from matrix.configs.database import Database
from matrix.configs.database_errors import ConstraintViolated, DatabaseBusy, DatabaseProblem
from matrix.configs.testing import TestDatabase
from matrix.errors import MatrixError
from tests.configs.configs_migration_helpers import KEY, add_agents, add_server, assign, execute

SECRET = "sk-planted0123456789abcdef"
ENV = f'{{"API_KEY": "{SECRET}"}}'


@dataclass
class Commands:
    """Runs commands on a database with a planted secret, and looks for it in all that they say."""

    url: str
    folder: Path
    capsys: pytest.CaptureFixture[str]
    caplog: pytest.LogCaptureFixture

    @property
    def sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def sql(self, *statements: str) -> None:
        async def work() -> None:
            async with Database(self.url, pooled=False) as database:
                await execute(database, *statements)

        asyncio.run(work())

    def run(self, *words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["configs", *words, "--store", self.url])
        captured = self.capsys.readouterr()
        for said in (captured.out, captured.err, self.caplog.text):
            assert SECRET not in said
            assert "Traceback" not in said
        return int(ended.value.code or 0), captured.err

    def fails(self, *words: str) -> str:
        code, said = self.run(*words)
        assert code in {2, 3}, said
        assert len(said.splitlines()) == 1, said
        return said


@pytest.fixture
def commands(
    matrix_legacy_database: TestDatabase,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Commands:
    monkeypatch.setenv("MATRIX_CONFIGS_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    caplog.set_level(logging.DEBUG)

    async def fill() -> None:
        async with Database(matrix_legacy_database.url, pooled=False) as database:
            await add_agents(database, "genie")
            await add_server(database, "linear", env=ENV)
            await assign(database, "genie", "linear")

    asyncio.run(fill())
    caplog.clear()
    return Commands(matrix_legacy_database.url, tmp_path, capsys, caplog)


def refusing(commands: Commands, table: str, event: str) -> None:
    """Have a table refuse every row, and quote it where the database can."""
    if commands.sqlite:
        commands.sql(f"create trigger refuse before {event} on {table} begin select raise(abort, '{SECRET}'); end")
        return
    commands.sql(
        "create function refuse() returns trigger language plpgsql as"
        f" $$ begin raise exception 'bad row % {SECRET}', new; end $$",
        f"create trigger refuse before {event} on {table} for each row execute function refuse()",
    )


def test_a_trigger_that_quotes_the_row(commands: Commands) -> None:
    refusing(commands, "mcp_configs", "insert")
    assert "refuses" in commands.fails("migrate")
    assert commands.run("plan")[0] == 0


def test_a_constraint_that_quotes_the_row(commands: Commands) -> None:
    backup = str(commands.folder / "b.jsonl")
    assert commands.run("backup", backup)[0] == 0
    if commands.sqlite:
        commands.sql(
            "update mcp_servers set env = '{}', description = 'x'",
            "create unique index once on mcp_servers (server_type, (env is not null))",
            "delete from mcp_servers",
            "insert into mcp_servers (id, name, server_type, env, command) values (9, 'x', 'stdio', '{}', '[]')",
            "insert into agent_mcp_servers (id, agent_id, mcp_server_id) values (1, 1, 9)",
        )
        said = "UNIQUE constraint failed"
    else:
        commands.sql(
            "update mcp_servers set env = '{}'",
            "alter table mcp_servers add constraint empty_env check (env = '{}')",
        )
        said = "CheckViolation (constraint empty_env, table mcp_servers)"
    assert said in commands.fails("restore", backup)


def test_a_column_of_another_type(commands: Commands) -> None:
    if commands.sqlite:
        pytest.skip("a column of SQLite takes any value")
    backup = str(commands.folder / "b.jsonl")
    commands.run("backup", backup)
    commands.sql(
        "alter table mcp_servers alter column env drop default",
        "alter table mcp_servers alter column env type integer using 1",
    )
    assert "refuses what was to be written: InvalidTextRepresentation" in commands.fails("restore", backup)


@pytest.mark.parametrize("command", ["list", "export", "migrate", "verify", "rollback"])
def test_a_column_that_is_gone(commands: Commands, command: str) -> None:
    commands.run("migrate", "--no-backup")
    commands.sql("alter table mcp_configs drop column updated_at")
    if command == "migrate":
        commands.sql("update mcp_servers set name = 'other'")
    assert "updated_at" in commands.fails(command)


def test_a_connection_that_is_lost(commands: Commands) -> None:
    if commands.sqlite:
        pytest.skip("SQLite has no connection to lose")
    commands.sql(
        "create function leave() returns trigger language plpgsql as"
        " $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$",
        "create trigger leave before insert on mcp_configs for each row execute function leave()",
    )
    assert "cannot be used: " in commands.fails("migrate", "--no-backup")


def test_a_database_that_is_read_only(commands: Commands) -> None:
    if commands.sqlite:
        pytest.skip("a file that cannot be written can be written by root")
    name = commands.url.rpartition("/")[2].partition("?")[0]
    commands.sql(f"alter database {name} set default_transaction_read_only = on")
    for words in (("migrate", "--no-backup"), ("key", "add", "x")):
        assert "read-only transaction" in commands.fails(*words)


WITH_SMALL_FILES = """\
import os, resource, sys
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_a_full_disk(matrix_legacy_database: TestDatabase, commands: Commands) -> None:
    if not commands.sqlite:
        pytest.skip("a server's disk cannot be filled from here")
    commands.sql(*[f"insert into agents (name) values ('a{number}')" for number in range(300)])
    for number in range(60):
        commands.sql(
            "insert into mcp_servers (name, server_type, command, env)"
            f" values ('s{number}', 'stdio', '[\"x\"]', '{ENV.replace(':', chr(92) + ':')}')"
        )
    size = Path(commands.url.removeprefix("sqlite:///")).stat().st_size
    words = ["-m", "matrix", "configs", "migrate", "--no-backup", "--store", commands.url]
    ended = subprocess.run(
        [sys.executable, "-c", WITH_SMALL_FILES, str(size // 4), *words],
        env={**os.environ, "MATRIX_CONFIGS_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "cannot be used: " in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.anyio
async def test_no_parameter_is_in_an_error_or_a_log_of_a_driver(
    matrix_database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Database(matrix_database.url) as database:
        with pytest.raises(MatrixError) as refused:
            async with database.writing() as connection:
                await connection.execute(
                    text("insert into mcp_migrations (id, state) values (:id, :state)"), {"id": 1, "state": SECRET}
                )
    error = refused.value
    assert error.__suppress_context__
    assert error.__cause__ is None
    assert SECRET not in str(error) + caplog.text


@pytest.mark.parametrize("kind", [DatabaseProblem, DatabaseBusy, ConstraintViolated])
def test_a_problem_survives_the_way_from_another_process(kind: type[DatabaseProblem]) -> None:
    again = pickle.loads(pickle.dumps(kind("sqlite:///x", "is tired")))
    assert (type(again), str(again), again.matter) == (kind, "sqlite:///x is tired", "is tired")
