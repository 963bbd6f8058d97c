"""The served store, a client of it that may write, and a platform that has not moved yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from matrix.configs.testing import TestDatabase
from tests.configs.configs_api_helpers import Api, api
from tests.configs.configs_migration_helpers import platform
from tests.configs.configs_platform import Platform


@pytest.fixture
async def served(matrix_database: TestDatabase) -> AsyncIterator[Api]:
    async with api(matrix_database.url) as opened:
        yield opened


@pytest.fixture
async def owner(served: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client("write") as client:
        yield client


@pytest.fixture
async def there(matrix_legacy_database: TestDatabase, tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(matrix_legacy_database.url) as database:
        yield Platform(database, matrix_legacy_database.url, tmp_path / "backup.jsonl")
