"""What a run is given of a store: who has which server, in which state, with its references in place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from matrix.configs.assigned import Assigned, read_assigned
from matrix.configs.database import Database
from matrix.configs.migration import migrate
from matrix.configs.model import ServerConfig
from matrix.configs.rollout.modes import Mode, set_mode
from matrix.configs.store import ConfigStore
from matrix.configs.testing import TestDatabase
from tests.configs.configs_migration_helpers import KEY, SEALER, add_agents, add_server, assign, changing

WEB = {"server_type": "http", "url": "https://mcp.example.com/mcp"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATRIX_CONFIGS_KEY", KEY)


def fill(url: str, *configs: dict[str, object]) -> None:
    async def work() -> None:
        async with Database(url) as database, database.writing() as connection:
            await ConfigStore(connection, SEALER).create_many([ServerConfig.read({**WEB, **each}) for each in configs])

    asyncio.run(work())


def assigned(url: str, *agents: str, policy: Path | None = None) -> Assigned:
    return read_assigned(url, agents, policy)


def test_each_agent_has_its_enabled_servers(matrix_database: TestDatabase) -> None:
    fill(
        matrix_database.url,
        {"name": "a", "agents": ["genie"]},
        {"name": "b", "agents": "*", "tools": {"include": ["get_*"], "exclude": ["get_all"]}},
        {"name": "c", "agents": ["genie"], "enabled": False},
    )
    found = assigned(matrix_database.url, "genie", "simple")
    assert found.by_agent == {"genie": ("a", "b"), "simple": ("b",)}
    assert (found.servers["b"].include, found.servers["b"].exclude) == (("get_*",), ("get_all",))
    assert [each.problem for each in found.servers.values()] == [None, None]


def test_what_is_secret_stays_sealed(matrix_database: TestDatabase) -> None:
    fill(matrix_database.url, {"name": "a", "agents": ["genie"], "headers": {"Authorization": "Bearer abcdef123456"}})
    server = assigned(matrix_database.url, "genie").servers["a"]
    assert server.problem is None
    assert "abcdef123456" not in repr(server)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"headers": {"X-Token": "${NOT_SET_ANYWHERE}"}}, "the environment variable NOT_SET_ANYWHERE is not set"),
        ({"headers": {"X-Token": "${input:token}"}}, "which only a person can give"),
        ({"headers": {"X-Token": "${MATRIX_CONFIGS_KEY}"}}, "the key of the store, which no server is given"),
        ({"url": "http://169.254.169.254/mcp"}, "the policy refuses a: url-"),
        ({"tools": {"include": []}}, "leaves no tool"),
        ({"transport": "sse"}, "the old SSE transport"),
    ],
)
def test_what_cannot_be_attached_says_why(
    matrix_database: TestDatabase, config: dict[str, object], reason: str
) -> None:
    fill(matrix_database.url, {"name": "a", "agents": ["genie"], **config})
    assert reason in str(assigned(matrix_database.url, "genie").servers["a"].problem)


def test_without_the_key_a_sealed_secret_is_the_reason(
    matrix_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(matrix_database.url, {"name": "a", "agents": ["genie"], "headers": {"X-Token": "abcdef123456"}})
    monkeypatch.delenv("MATRIX_CONFIGS_KEY")
    assert "set MATRIX_CONFIGS_KEY" in str(assigned(matrix_database.url, "genie").servers["a"].problem)


def test_during_the_move_a_server_that_two_agents_are_served_differently_is_asked_of_nobody(
    matrix_legacy_database: TestDatabase,
) -> None:
    url = matrix_legacy_database.url

    async def move() -> None:
        async with Database(url) as database:
            await add_agents(database, "genie", "simple")
            for name in ("a", "b"):
                await add_server(database, name, server_type="http", command=None, http_url=WEB["url"])
                await assign(database, "genie", name)
                await assign(database, "simple", name)
            await migrate(database, SEALER)
            async with database.writing() as connection:
                await set_mode(connection, "genie", Mode.NEW, SEALER)
            async with changing(database) as store:
                config = (await store.get_mcp_config("a")).config
                await store.update_mcp_config("a", config.model_copy(update={"timeout": 5000}))

    asyncio.run(move())
    found = assigned(url, "genie", "simple")
    assert found.by_agent == {"genie": ("a", "b"), "simple": ("a", "b")}
    assert "simple is served another config of a" in str(found.servers["a"].problem)
    assert found.servers["b"].problem is None
