"""The API: who may do what, what is masked, and what the audit keeps; on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from matrix.configs.keys import Rights, revoke_key
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore
from matrix.configs.testing import TestDatabase
from matrix.errors import UsageError
from matrix.redaction import MASK
from tests.configs.configs_api_helpers import WEB, Api, api, problem
from tests.configs.configs_migration_helpers import SEALER
from tests.configs.configs_samples import LINEAR

pytestmark = pytest.mark.anyio

ASKED = [
    ("GET", "/configs"),
    ("POST", "/configs"),
    ("GET", "/configs/x"),
    ("PUT", "/configs/x"),
    ("DELETE", "/configs/x"),
    ("GET", "/agents/genie/configs"),
    ("GET", "/audit"),
    ("GET", "/metrics"),
]


async def test_without_a_key_in_force_nothing_is_answered(served: Api) -> None:
    good = await served.key(["write"])
    keys = ["", "nonsense", good[:-1], f"{good}x", good.swapcase(), "amx_000000000000_" + "a" * 43]
    for text in keys:
        async with served.client(key=text) as client:
            for method, path in ASKED:
                answer = await client.request(method, path)
                problem(answer, 401, "unauthorized")
                assert "x-api-key" in answer.headers["www-authenticate"]
    async with served.client(key=good) as client:
        assert (await client.get("/configs")).status_code == 200
        async with served.database.writing() as connection:
            await revoke_key(connection, "write")
        problem(await client.get("/configs"), 401, "unauthorized")


async def test_a_reading_key_changes_nothing(served: Api, owner: httpx.AsyncClient) -> None:
    await owner.post("/configs", json=LINEAR)
    async with served.client("read") as reader:
        assert (await reader.get("/configs/linear")).status_code == 200
        problem(await reader.post("/configs", json=WEB), 403, "forbidden")
        problem(await reader.put("/configs/linear", json=LINEAR), 403, "forbidden")
        problem(await reader.delete("/configs/linear"), 403, "forbidden")
        problem(await reader.delete("/configs/unknown"), 403, "forbidden")


async def test_a_key_of_an_agent_sees_what_is_for_it_and_changes_what_is_for_it_alone(
    served: Api, owner: httpx.AsyncClient
) -> None:
    await owner.post("/configs", json=LINEAR)
    await owner.post("/configs", json={**WEB, "name": "other", "agents": ["stan"]})
    async with served.client("write", "agent:genie") as genie:
        assert (await genie.get("/configs/linear")).status_code == 200
        assert len((await genie.get("/agents/genie/configs")).json()["items"]) == 1
        assert len((await genie.get("/configs?agent_name=genie")).json()["items"]) == 1
        problem(await genie.get("/configs/other"), 404, "unknown-server")
        problem(await genie.put("/configs/other", json=WEB), 404, "unknown-server")
        for path in ("/configs", "/audit", "/metrics", "/agents/stan/configs", "/configs?agent_name=stan"):
            problem(await genie.get(path), 403, "forbidden")
        problem(await genie.delete("/configs/linear"), 403, "forbidden")
        problem(await genie.post("/configs", json={**WEB, "agents": ["genie", "stan"]}), 403, "forbidden")
        problem(await genie.post("/configs", json={**WEB, "agents": "*"}), 403, "forbidden")
        assert (await genie.post("/configs", json=WEB)).status_code == 201
        problem(await genie.put("/configs/web", json={**WEB, "agents": ["stan"]}), 403, "forbidden")
        assert (await genie.delete("/configs/web")).status_code == 204


def test_scopes_are_read_exactly() -> None:
    assert Rights.of(["read"]) == Rights(write=False, agents=None)
    assert Rights.of(["agent:a", "agent:b", "write"]) == Rights(write=True, agents=frozenset({"a", "b"}))
    for wrong in ("admin", "agent:", "agent:*", "READ", ""):
        with pytest.raises(UsageError, match="no scope"):
            Rights.of([wrong])


async def test_secrets_are_never_shown_and_a_mask_sent_back_keeps_them(served: Api, owner: httpx.AsyncClient) -> None:
    made = await owner.post("/configs", json=WEB)
    assert made.json()["headers"] == {"Authorization": MASK}
    assert "abcdef123456" not in (await owner.get("/audit")).text
    changed = await owner.put("/configs/web", json={**made.json(), "timeout": 2000})
    assert changed.status_code == 200
    async with served.database.reading() as connection:
        stored = (await ConfigStore(connection).get_mcp_config("web")).config
    assert "abcdef123456" not in str(stored)
    assert SEALER.unsealed(stored.to_json())["headers"] == WEB["headers"]


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://elsewhere.example.org/mcp"},
        {"url": "https://[/mcp"},
        {"url": "https://u:p@h\u2100.example.com/"},
        {"headers": {"X-Other-Token": MASK}},
        {"description": MASK},
    ],
)
async def test_a_mask_gives_a_secret_to_nobody_else(owner: httpx.AsyncClient, change: dict[str, Any]) -> None:
    shown = (await owner.post("/configs", json=WEB)).json()
    problem(await owner.put("/configs/web", json={**shown, **change}), 400, "invalid-config")


async def test_a_secret_in_clear_without_the_stores_key_is_refused(matrix_database: TestDatabase) -> None:
    async with api(matrix_database.url, sealer=Sealer()) as opened, opened.client("write") as client:
        answer = problem(await client.post("/configs", json=WEB), 400, "invalid-config")
        assert "abcdef" not in str(answer)
        assert answer["errors"][0]["where"] == "headers.Authorization"
        assert (await client.post("/configs", json=LINEAR)).status_code == 201


async def test_the_audit_says_who_changed_what(owner: httpx.AsyncClient) -> None:
    await owner.post("/configs", json=LINEAR)
    await owner.put("/configs/linear", json={**LINEAR, "timeout": 2000})
    await owner.put("/configs/linear", json={**LINEAR, "timeout": 1})
    await owner.delete("/configs/linear")
    items = (await owner.get("/audit")).json()["items"]
    assert [(each["who"], each["action"], each["server"]) for each in items] == [
        ("key:write", "delete", "linear"),
        ("key:write", "replace", "linear"),
        ("key:write", "create", "linear"),
    ]
    assert items[1]["changed"] == ["timeout"]
    assert (items[1]["before"]["timeout"], items[1]["after"]["timeout"]) == (30000, 2000)
    first = await owner.get("/audit?limit=2")
    rest = await owner.get(first.links["next"]["url"].removeprefix("/api/v1/mcp"))
    assert [each["action"] for each in rest.json()["items"]] == ["create"]
    assert (await owner.get("/audit?server=other")).json()["items"] == []
