"""The served store, and a client of it that may write."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from matrix.configs.testing import TestDatabase
from tests.configs.configs_api_helpers import Api, api


@pytest.fixture
async def served(matrix_database: TestDatabase) -> AsyncIterator[Api]:
    async with api(matrix_database.url) as opened:
        yield opened


@pytest.fixture
async def owner(served: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client("write") as client:
        yield client
