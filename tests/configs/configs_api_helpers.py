"""What the tests of the API share: the application on a database, and clients with keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from matrix.configs.api.access import Rates
from matrix.configs.api.app import create_app
from matrix.configs.api.routes import PREFIX
from matrix.configs.database import Database
from matrix.configs.keys import add_key
from matrix.configs.policy import read_policy
from matrix.configs.secrets import Sealer
from tests.configs.configs_migration_helpers import SEALER

PLENTY = Rates(100_000, 100_000)
WEB: dict[str, Any] = {
    "name": "web",
    "server_type": "http",
    "url": "https://mcp.example.com/mcp",
    "headers": {"Authorization": "Bearer abcdef123456"},
    "agents": ["genie"],
}


@dataclass(frozen=True)
class Api:
    """A served store, and how to get clients of it."""

    database: Database
    app: Any

    @asynccontextmanager
    async def client(
        self, *scopes: str, key: str | None = None, address: str = "127.0.0.1"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client whose key has these scopes; or with this text for a key, which may be none at all."""
        text = await self.key(scopes) if key is None else key
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        headers = {"x-api-key": text} if text else {}
        async with httpx.AsyncClient(transport=transport, base_url=f"http://api{PREFIX}", headers=headers) as client:
            yield client

    async def key(self, scopes: Sequence[str]) -> str:
        async with self.database.writing() as connection:
            name = f"{'-'.join(scopes) or 'none'}".replace(":", ".")
            return (await add_key(connection, name, scopes))[1]


@asynccontextmanager
async def api(url: str, *, sealer: Sealer = SEALER, rates: Rates = PLENTY, **options: Any) -> AsyncIterator[Api]:
    async with Database(url) as database:
        yield Api(database, create_app(database, sealer, read_policy(None), rates=rates, **options))


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that a response has to be."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    body = response.json()
    assert body["type"] == f"urn:agent-matrix:problem:{code}", body
    assert body["status"] == status
    assert body["detail"]
    return body
