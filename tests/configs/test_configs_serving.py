"""During the move: who is served from which store, and which changes reach the legacy tables; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from matrix.configs.migration import migrate, rollback, verify
from matrix.configs.rollout.modes import Mode, progress, set_mode
from matrix.configs.rollout.read_routing import agent_configs, routed_read
from matrix.configs.rollout.status import read_status
from matrix.configs.testing import TestDatabase
from matrix.errors import MatrixError
from tests.configs.configs_api_helpers import Api, api, problem
from tests.configs.configs_migration_helpers import (
    SEALER,
    add_agents,
    add_server,
    assign,
    changing,
    dump,
    execute,
    legacy_servers,
)
from tests.configs.configs_samples import LINEAR

pytestmark = pytest.mark.anyio

AGENT = "/agents/genie/configs"


@pytest.fixture
async def moved(matrix_legacy_database: TestDatabase) -> AsyncIterator[Api]:
    """A platform with two agents and two servers, migrated; everyone is still in `legacy`."""
    async with api(matrix_legacy_database.url) as opened:
        database = opened.database
        await add_agents(database, "genie", "simple")
        await add_server(database, "linear", command='["python3",  "-m", "linear_mcp"]', env='{"A_TOKEN":  "clear"}')
        await add_server(database, "web", server_type="http", command=None, http_url="https://mcp.example.com/mcp")
        await assign(database, "genie", "linear")
        await assign(database, "simple", "web")
        await migrate(database, SEALER)
        yield opened


@pytest.fixture
async def owner(moved: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with moved.client("write") as client:
        yield client


async def mode(served: Api, agent: str, wanted: Mode) -> None:
    async with served.database.writing() as connection:
        await set_mode(connection, agent, wanted, SEALER)


async def timeouts(served: Api, agent: str) -> dict[str, int]:
    return {each.name: each.timeout for each in await agent_configs(served.database, SEALER, agent)}


async def change_new_only(served: Api, name: str, **changes: Any) -> None:
    """Change the new store behind the API's back, so that the two stores differ."""
    async with changing(served.database) as store:
        config = (await store.get_mcp_config(name)).config
        await store.update_mcp_config(name, config.model_copy(update=changes))


async def seconds_of(served: Api, name: str) -> list[Any]:
    rows = await legacy_servers(served.database)
    return [rows[name]["timeout_seconds"]] if name in rows else []


@pytest.mark.parametrize(("wanted", "expected"), [("legacy", 30000), ("shadow", 30000), ("dual", 5000), ("new", 5000)])
async def test_an_agent_reads_the_store_of_its_mode(moved: Api, wanted: str, expected: int) -> None:
    await mode(moved, "genie", Mode(wanted))
    await change_new_only(moved, "linear", timeout=5000)
    assert await timeouts(moved, "genie") == {"linear": expected}
    assert await timeouts(moved, "simple") == {"web": 30000}


async def test_what_differs_in_shadow_is_remembered_and_does_not_reach_the_agent(moved: Api) -> None:
    await mode(moved, "genie", Mode.SHADOW)
    await agent_configs(moved.database, SEALER, "genie")
    await change_new_only(moved, "linear", timeout=5000, environment={"A_TOKEN": "other"})
    await agent_configs(moved.database, SEALER, "genie")
    await agent_configs(moved.database, SEALER, "genie")
    async with moved.database.reading() as connection:
        found, status = await progress(connection), await read_status(connection)
    assert [(each.agent, each.reads, each.differing_reads, each.errors) for each in found] == [("genie", 3, 2, 0)]
    assert [(each.server, each.field, each.times) for each in status.differences] == [
        ("linear", "environment", 2),
        ("linear", "timeout", 2),
    ]


async def test_a_new_store_that_cannot_be_read_is_counted_in_shadow_and_hurts_nobody(moved: Api) -> None:
    await mode(moved, "genie", Mode.SHADOW)
    broken = "json_set(config, '$.timeout', -1)" if moved.database.is_sqlite else "config || '{\"timeout\": -1}'"
    await execute(moved.database, f"update mcp_configs set config = {broken}")
    assert await timeouts(moved, "genie") == {"linear": 30000}
    async with moved.database.reading() as connection:
        assert [each.errors for each in await progress(connection)] == [1]


async def test_what_is_read_from_the_legacy_tables_is_sealed_and_masked(moved: Api, owner: httpx.AsyncClient) -> None:
    assert "clear" not in str(await agent_configs(moved.database, SEALER, "genie"))
    answer = await owner.get(AGENT)
    assert answer.json()["items"][0]["environment"] == {"A_TOKEN": "•••"}
    assert "clear" not in answer.text


async def test_a_legacy_server_that_cannot_be_read_is_named_and_not_left_out_in_silence(
    moved: Api, owner: httpx.AsyncClient
) -> None:
    await add_server(moved.database, "broken", command='"no list"')
    await assign(moved.database, "genie", "broken")
    body = (await owner.get(AGENT)).json()
    assert [each["name"] for each in body["items"]] == ["linear"]
    assert "'broken': its command is no array of texts" in body["problems"][0]
    with pytest.raises(MatrixError, match="broken"):
        await agent_configs(moved.database, SEALER, "genie")


@pytest.mark.parametrize("wanted", ["legacy", "shadow", "dual"])
async def test_a_change_reaches_both_stores_until_all_its_agents_are_new(
    moved: Api, owner: httpx.AsyncClient, wanted: str
) -> None:
    await mode(moved, "genie", Mode(wanted))
    shown = (await owner.get("/configs/linear")).json()
    assert (await owner.put("/configs/linear", json={**shown, "timeout": 7000})).status_code == 200
    assert await seconds_of(moved, "linear") == [7]
    made = {**LINEAR, "name": "made", "tools": None, "agents": ["genie"]}
    assert (await owner.post("/configs", json={k: v for k, v in made.items() if v is not None})).status_code == 201
    assert await timeouts(moved, "genie") == {"linear": 7000, "made": 30000}
    assert (await verify(moved.database, SEALER)).agrees
    assert (await owner.delete("/configs/made")).status_code == 204
    assert await seconds_of(moved, "made") == []
    assert (await verify(moved.database, SEALER)).agrees
    await mode(moved, "genie", Mode.NEW)
    await owner.put("/configs/linear", json={**shown, "timeout": 9000})
    assert await seconds_of(moved, "linear") == [7]


async def test_a_change_writes_only_what_it_changes_of_the_legacy_row(moved: Api, owner: httpx.AsyncClient) -> None:
    url = moved.database.url.render_as_string(hide_password=False).replace("+aiosqlite", "").replace("+psycopg", "")
    before = dump(url)
    shown = (await owner.get("/configs/linear")).json()
    await owner.put("/configs/linear", json={**shown, "timeout": 7000})
    await owner.put("/configs/linear", json=shown)
    await execute(moved.database, "update mcp_servers set updated_at = created_at")
    await execute(moved.database, "update agent_mcp_servers set updated_at = created_at")
    assert [len(rows) for rows in dump(url).values()] == [len(rows) for rows in before.values()]
    assert '["python3",  "-m"' in str(await raw(moved, "command")) or not moved.database.is_sqlite


async def raw(served: Api, column: str) -> list[Any]:
    async with served.database.reading() as connection:
        return list(await connection.scalars(text(f"select cast({column} as text) from mcp_servers")))


@pytest.mark.parametrize(
    "change",
    [
        {"tools": {"include": ["a"]}},
        {"timeout": 1500},
        {"agents": "*"},
        {"agents": ["genie", "stranger"]},
        {"our_own": 1},
        {"priority": 10**30},
        {"priority": -(2**31)},
    ],
)
async def test_what_the_legacy_tables_cannot_hold_waits_until_its_agents_are_new(
    moved: Api, owner: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    shown = (await owner.get("/configs/linear")).json()
    answer = problem(await owner.put("/configs/linear", json={**shown, **change}), 409, "out-of-step")
    assert "no place for it" in answer["detail"]
    assert (await owner.get("/configs/linear")).json() == shown
    await mode(moved, "*", Mode.NEW)
    assert (await owner.put("/configs/linear", json={**shown, **change})).status_code == 200


async def test_two_who_changed_the_same_are_not_overruled(moved: Api, owner: httpx.AsyncClient) -> None:
    await execute(moved.database, "update mcp_servers set timeout_seconds = 11 where name = 'linear'")
    shown = (await owner.get("/configs/linear")).json()
    assert (await owner.put("/configs/linear", json={**shown, "description": "ours"})).status_code == 200
    answer = problem(await owner.put("/configs/linear", json={**shown, "timeout": 7000}), 409, "out-of-step")
    assert "configs verify" in answer["detail"]
    problem(await owner.delete("/configs/linear"), 409, "out-of-step")
    assert await seconds_of(moved, "linear") == [11]


async def test_a_server_that_only_the_legacy_tables_have_is_migrated_and_not_made_twice(
    moved: Api, owner: httpx.AsyncClient
) -> None:
    await add_server(moved.database, "late")
    made = {key: value for key, value in {**LINEAR, "name": "late"}.items() if key != "tools"}
    assert "configs migrate" in problem(await owner.post("/configs", json=made), 409, "out-of-step")["detail"]


async def test_before_a_migration_and_after_a_rollback_nothing_is_changed_that_nobody_would_read(
    moved: Api, owner: httpx.AsyncClient
) -> None:
    await rollback(moved.database, SEALER)
    problem(await owner.post("/configs", json=LINEAR), 409, "not-migrated")
    served = await routed_read(moved.database, SEALER, "genie")
    assert (served.mode, [each.name for each in served.configs]) == (Mode.LEGACY, ["linear"])


async def test_after_changes_through_the_api_a_rollback_finds_nothing_to_do(
    moved: Api, owner: httpx.AsyncClient
) -> None:
    shown = (await owner.get("/configs/linear")).json()
    await owner.put("/configs/linear", json={**shown, "timeout": 7000, "agents": ["simple"]})
    await owner.delete("/configs/web")
    report = await rollback(moved.database, SEALER)
    assert (report.changed, report.created, report.deleted, report.conflicts) == ((), (), (), ())
    assert await timeouts(moved, "simple") == {"linear": 7000}
    assert await timeouts(moved, "genie") == {}
