"""A database: its URL, what it refuses in one sentence, who may write at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from matrix.configs import database as module
from matrix.configs.database import Database, DatabaseBusy, read_url
from matrix.configs.testing import TestDatabase
from matrix.errors import MatrixError, UsageError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("configs.db", "sqlite+aiosqlite"),
        ("sqlite:///configs.db", "sqlite+aiosqlite"),
        ("postgres://u@h/n", "postgresql+psycopg"),
        ("postgresql+asyncpg://u@h/n", "postgresql+psycopg"),
    ],
)
def test_a_url_says_which_database_and_we_say_which_driver(url: str, driver: str) -> None:
    assert read_url(url).drivername == driver


@pytest.mark.parametrize("url", ["mysql://u@h/n", "sqlite://", "postgresql://u:p@h:port/n", "://"])
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="write sqlite:///FILE"):
        read_url(url)


def test_the_password_is_not_shown() -> None:
    assert Database("postgresql://me:hidden@host/name").shown == "postgresql://me@host/name"


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "text.db"
    file.write_bytes(b"only text, and more than a page of it\n" * 200)
    async with Database(str(file)) as database:
        with pytest.raises(UsageError, match=r"text\.db is no SQLite database"):
            await database.check()


async def test_a_server_that_is_not_there_is_one_sentence() -> None:
    async with Database("postgresql://me:hidden@127.0.0.1:1/name") as database:
        with pytest.raises(MatrixError, match="cannot be used") as refused:
            await database.check()
    assert "hidden" not in str(refused.value)


async def test_an_older_store_is_brought_up_to_date_and_not_guessed_at(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:
        async with database.writing() as connection:
            await connection.execute(text("update mcp_configs_version set version_num = '0000'"))
        with pytest.raises(UsageError, match=r"a config store of version 0000, not 0001; .*configs init"):
            await database.check()


async def test_what_fails_on_the_way_leaves_nothing_behind(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:

        async def begin_only() -> None:
            async with database.writing() as connection:
                await connection.execute(text("create table half (a integer)"))
                raise RuntimeError("on the way")

        with pytest.raises(RuntimeError, match="on the way"):
            await begin_only()
        async with database.reading() as connection:
            there = await connection.run_sync(lambda each: each.dialect.has_table(each, "half"))
        assert there is False


async def test_who_cannot_write_in_time_is_told_that_somebody_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    file = tmp_path / "configs.db"
    async with Database(str(file)) as database:
        await database.upgrade()
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("begin immediate")
            with pytest.raises(DatabaseBusy, match="being written by somebody else"):
                async with database.writing():
                    pass
            async with database.reading() as connection:  # a reader waits for nobody
                assert await connection.scalar(text("select count(*) from mcp_configs")) == 0
            other.execute("rollback")
        other.close()


async def test_many_writers_wait_for_each_other(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database:
        async with database.writing() as connection:
            await connection.execute(text("create table counted (n integer)"))
            await connection.execute(text("insert into counted values (0)"))

        async def count() -> None:
            async with database.writing() as connection:
                await connection.execute(text("update counted set n = n + 1"))

        await asyncio.gather(*(count() for _ in range(20)))
        async with database.reading() as connection:
            assert await connection.scalar(text("select n from counted")) == 20
