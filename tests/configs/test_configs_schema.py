"""The migrations are frozen: they import nothing of ours, and what they make is what the code describes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, inspect, text

import matrix.configs
from matrix.configs.database import Database
from matrix.configs.schema import STORE
from matrix.configs.testing import TestDatabase

ALEMBIC = Path(next(iter(matrix.configs.__path__))) / "alembic"
FILES = sorted(ALEMBIC.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_migration_imports_nothing_of_ours(file: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module))
    assert {name.partition(".")[0] for name in imported} <= {"__future__", "alembic", "sqlalchemy", "typing"}
    assert FILES


def _compared(connection: Connection) -> list[Any]:
    ours = {
        "target_metadata": STORE,
        "include_name": lambda name, kind, _: kind != "table" or name in STORE.tables,
        "compare_type": True,
        "compare_server_default": True,
    }
    found = compare_metadata(MigrationContext.configure(connection, opts=ours), STORE)
    return [each for each in found if each[0] != "remove_index"]  # those of expressions are SQL's own


def _keys_and_checks(connection: Connection) -> dict[str, Any]:
    """Return what alembic does not compare: primary keys, and the checks that the code names."""
    seen = inspect(connection)
    named = {
        name: {str(each.name) for each in table.constraints if isinstance(each, CheckConstraint)}
        for name, table in STORE.tables.items()
    }
    return {
        name: (
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted(named[name] & {str(each["name"]) for each in seen.get_check_constraints(name)}),
        )
        for name in STORE.tables
    }


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_the_migrations_make_the_schema_that_the_code_describes(matrix_database: TestDatabase) -> None:
    async with Database(matrix_database.url) as database, database.reading() as connection:
        assert await connection.run_sync(_compared) == []
        migrated = await connection.run_sync(_keys_and_checks)
    async with Database(matrix_database.url) as database, database.writing() as connection:
        for name in await connection.run_sync(lambda each: inspect(each).get_table_names()):
            await connection.execute(text(f"drop table {name}{'' if database.is_sqlite else ' cascade'}"))
        await connection.run_sync(STORE.create_all)
        assert await connection.run_sync(_keys_and_checks) == migrated
        await connection.rollback()
