"""A database: its URL, its connections, its transactions, its schema; SQLite and PostgreSQL behind one face."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from matrix.configs.database_errors import DatabaseBusy, DatabaseProblem, problem_of
from matrix.configs.schema import LEGACY, STORE
from matrix.errors import UsageError

__all__ = ["Database", "DatabaseBusy", "DatabaseProblem", "create_legacy", "has_legacy_tables", "read_url"]

logging.getLogger("aiosqlite").setLevel(logging.INFO)
"""Its debug messages hold the parameters of every statement, and so secrets in clear."""

BUSY_SECONDS = 30
"""How long a writer waits for another one, on both databases."""
VERSION_TABLE = "mcp_configs_version"
_WRITE = "matrix_write"


def read_url(url: str) -> URL:
    """Read a database's URL: `sqlite:///FILE`, `postgresql://…`, or the path of a file. Raises UsageError."""
    if "://" not in url:
        url = f"sqlite:///{url}"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError(
            "the database's URL cannot be read; write sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    backend = parsed.drivername.partition("+")[0]
    if backend not in drivers:
        raise UsageError(f"{backend} is no database that we know; write sqlite:///FILE or postgresql://USER@HOST/NAME")
    if backend == "sqlite" and not parsed.database:
        raise UsageError("an SQLite database needs a file: write sqlite:///FILE")
    return parsed.set(drivername=drivers[backend])


class Database:
    """A database, and the transactions on it; an async context manager.

    `reading()` sees one state of the data; `writing()` is a transaction that excludes other writers from the start
    on SQLite, and as far as its rows and locks go on PostgreSQL. Whatever a driver raises in them is a MatrixError in
    one sentence, without the password and without the values of any statement.
    """

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        self.url = read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"hide_parameters": True}
        if not pooled:
            options["poolclass"] = NullPool
        if self.is_sqlite:
            options["connect_args"] = {"timeout": BUSY_SECONDS}
        elif pooled:
            options |= {"pool_size": 8, "max_overflow": 8, "pool_pre_ping": True}
        self.engine = create_async_engine(self.url, **options)
        if self.is_sqlite:
            _prepare_sqlite(self.engine.sync_engine)

    @property
    def shown(self) -> str:
        """The URL as anybody may see it, without the password: a client takes that from PGPASSWORD or ~/.pgpass."""
        url = self.url
        shown = URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database, url.query)
        return shown.render_as_string(hide_password=False)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.url.database or "") if self.is_sqlite else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction that reads one state of the data, and writes nothing."""
        with _readable_errors(self):
            async with self.engine.connect() as connection:
                if not self.is_sqlite:
                    await connection.execute(text("set transaction isolation level repeatable read, read only"))
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction that is committed at the end, or leaves nothing behind."""
        with _readable_errors(self):
            async with self.engine.connect() as plain:
                connection = await plain.execution_options(**{_WRITE: True})
                async with connection.begin():
                    if not self.is_sqlite:
                        await connection.execute(text(f"set local lock_timeout = '{BUSY_SECONDS}s'"))
                    yield connection

    @asynccontextmanager
    async def maintaining(self) -> AsyncGenerator[AsyncConnection]:
        """Open a connection without a transaction, for what cannot run in one: vacuum, a checkpoint."""
        with _readable_errors(self):
            async with self.engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def upgrade(self) -> None:
        """Bring the store's schema to this version; makes an SQLite file that is not there."""
        if self.file is not None and not self.file.parent.is_dir():
            raise UsageError(f"there is no folder {self.file.parent} to make the database in")
        async with self.writing() as connection:
            await connection.run_sync(_upgrade)

    async def check(self) -> None:
        """Make sure that the store is there, in this version. Raises UsageError."""
        if self.file is not None and not self.file.is_file():
            raise UsageError(
                f"there is no database {self.file}; `python -m matrix configs init --store {self.file}` makes it"
            )
        async with self.reading() as connection:
            found = await connection.run_sync(_version)
        wanted = ScriptDirectory.from_config(_alembic()).get_current_head()
        if found != wanted:
            what = "no config store" if found is None else f"a config store of version {found}, not {wanted}"
            raise UsageError(f"{self.shown} has {what}; `python -m matrix configs init` brings it up to date")


def has_legacy_tables(connection: Connection) -> bool:
    """Whether the legacy tables are there."""
    names = set(inspect(connection).get_table_names())
    return {"mcp_servers", "agent_mcp_servers", "agents"} <= names


async def create_legacy(connection: AsyncConnection) -> None:
    """Make the legacy tables that are not there."""
    await connection.run_sync(LEGACY.create_all)


def _prepare_sqlite(engine: Engine) -> None:
    """Begin and end transactions ourselves: by the driver's own rules, DDL would end them unasked."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode = wal", "foreign_keys = on", "synchronous = normal"):
            cursor.execute(f"pragma {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("begin immediate" if write else "begin")


class _readable_errors:  # noqa: N801  (reads as a verb)
    """Turn what a driver raises into one sentence."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, StatementError):
            raise problem_of(error, self._database.shown) from None


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic").replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    config = _alembic()
    config.attributes["connection"] = connection
    config.attributes["metadata"] = STORE
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar()  # noqa: S608  (a constant)
