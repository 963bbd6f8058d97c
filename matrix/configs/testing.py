"""Fixtures for anyone's suite: a clean, migrated database for each test, on SQLite and on a real PostgreSQL.

    def test_it(matrix_database):          # runs twice: on SQLite, and on PostgreSQL
        use(matrix_database.url)

Each pytest-xdist worker has a server of its own, started when a test first asks for it. A suite that asks for
nothing pays nothing. MATRIX_REQUIRE_POSTGRESQL=1 turns the skip on machines without PostgreSQL into a failure.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

KINDS = ("sqlite", "postgresql")
REQUIRE = "MATRIX_REQUIRE_POSTGRESQL"
_TEMPLATES = {False: "matrix_template", True: "matrix_legacy_template"}
_numbers = count()


@dataclass(frozen=True)
class TestDatabase:
    """A database for a test: its URL, and which kind it is."""

    __test__ = False

    url: str
    kind: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what chooses the databases."""
    group = parser.getgroup("matrix", "agent matrix")
    group.addoption("--matrix-databases", default=",".join(KINDS), help="Which databases: sqlite,postgresql.")
    group.addoption("--matrix-postgresql", metavar="URL", help="A PostgreSQL whose user may create databases.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a database on every kind."""
    if "matrix_database_kind" in metafunc.fixturenames:
        chosen = str(metafunc.config.getoption("matrix_databases")).split(",")
        for kind in chosen:
            if kind not in KINDS:
                raise pytest.UsageError(f"--matrix-databases {kind!r} is no database; there are {' and '.join(KINDS)}")
        metafunc.parametrize("matrix_database_kind", chosen, scope="session")


class Server:
    """Makes databases: files of SQLite, or databases of one PostgreSQL, each a copy of a template."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._folder = folder
        self._url = url
        self._ready: set[bool] = set()

    def create(self, *, legacy: bool) -> TestDatabase:
        """Make a clean, migrated database; with `legacy` it has the legacy tables too."""
        template = _TEMPLATES[legacy]
        if legacy not in self._ready:
            if self._url is not None:
                self._command(f"drop database if exists {template} with (force)")
                self._command(f"create database {template}")
            asyncio.run(_prepare(self._named(template), legacy=legacy))
            self._ready.add(legacy)
        name = f"matrix_test_{os.getpid()}_{next(_numbers)}"
        if self._url is None:
            shutil.copy(self._file(template), self._file(name))
            return TestDatabase(self._named(name), "sqlite")
        self._command(f"create database {name} template {template}")
        return TestDatabase(self._named(name), "postgresql")

    def drop(self, database: TestDatabase) -> None:
        """Remove a database, also when somebody is still connected."""
        name = database.url.rpartition("/")[2].partition("?")[0]
        if self._url is not None:
            self._command(f"drop database if exists {name} with (force)")
            return
        for suffix in (".db", ".db-wal", ".db-shm"):
            (self._folder / name).with_suffix(suffix).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def _named(self, name: str) -> str:
        from sqlalchemy import make_url  # noqa: PLC0415  (only suites that ask pay)

        if self._url is None:
            return f"sqlite:///{self._file(name)}"
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def _command(self, statement: str) -> None:
        import psycopg  # noqa: PLC0415
        from psycopg.sql import SQL  # noqa: PLC0415

        with psycopg.connect(str(self._url), autocommit=True) as connection:
            connection.execute(SQL(statement))  # pyright: ignore[reportArgumentType]


async def _prepare(url: str, *, legacy: bool) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    from matrix.configs.database import Database, create_legacy  # noqa: PLC0415

    async with Database(url, pooled=False) as database:
        await database.upgrade()
        if legacy:
            async with database.writing() as connection:
                await create_legacy(connection)
        if database.is_sqlite:  # so that the file alone is the database
            async with database.maintaining() as connection:
                await connection.execute(text("pragma wal_checkpoint(truncate)"))


@pytest.fixture(scope="session")
def matrix_database_server(
    matrix_database_kind: str, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """What makes the databases of one kind, for the whole session."""
    from matrix.configs.extras import MissingExtra, needs  # noqa: PLC0415  (a suite that asks for nothing pays nothing)
    from matrix.configs.postgres import NoPostgresql, postgresql  # noqa: PLC0415

    try:
        with needs("testing"):
            import sqlalchemy  # noqa: PLC0415

            del sqlalchemy
            import alembic  # noqa: PLC0415
            import psycopg  # noqa: PLC0415

            del alembic, psycopg
    except MissingExtra as problem:
        pytest.fail(str(problem), pytrace=False)
    folder = tmp_path_factory.mktemp("matrix-databases")
    if matrix_database_kind == "sqlite":
        yield Server(folder)
        return
    try:
        with postgresql(pytestconfig.getoption("matrix_postgresql")) as url:
            yield Server(folder, url)
    except NoPostgresql as problem:
        if os.environ.get(REQUIRE):
            pytest.fail(str(problem), pytrace=False)
        pytest.skip(str(problem))


@pytest.fixture
def matrix_database(matrix_database_server: Server) -> Iterator[TestDatabase]:
    """A clean, migrated database, on SQLite and on PostgreSQL in turn."""
    database = matrix_database_server.create(legacy=False)
    yield database
    matrix_database_server.drop(database)


@pytest.fixture
def matrix_legacy_database(matrix_database_server: Server) -> Iterator[TestDatabase]:
    """The same, with the legacy tables, empty."""
    database = matrix_database_server.create(legacy=True)
    yield database
    matrix_database_server.drop(database)
