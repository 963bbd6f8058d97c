"""The API: its routes and rules, who may do what, tags, pages, problems, masks and the audit; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from matrix.configs.api.access import Rates
from matrix.configs.testing import TestDatabase
from matrix.redaction import MASK
from tests.configs.attacks.corpora import SQL
from tests.configs.configs_api_helpers import WEB, Api, api, problem
from tests.configs.configs_samples import LINEAR

pytestmark = pytest.mark.anyio


async def test_a_config_is_created_read_replaced_and_deleted(owner: httpx.AsyncClient) -> None:
    made = await owner.post("/configs", json=LINEAR)
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/mcp/configs/linear")
    read = await owner.get("/configs/linear")
    assert read.status_code == 200
    assert read.json() == made.json()
    assert read.json()["tools"] == {"include": ["*"], "exclude": ["delete_*"]}
    assert read.headers["etag"] == made.headers["etag"]
    changed = await owner.put("/configs/linear", json={**LINEAR, "timeout": 2000})
    assert (changed.status_code, changed.json()["timeout"]) == (200, 2000)
    assert changed.headers["etag"] != made.headers["etag"]
    gone = await owner.delete("/configs/linear")
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await owner.get("/configs/linear"), 404, "unknown-server")
    problem(await owner.put("/configs/linear", json=LINEAR), 404, "unknown-server")
    problem(await owner.delete("/configs/linear"), 404, "unknown-server")


async def test_an_agent_gets_its_enabled_servers_only(owner: httpx.AsyncClient) -> None:
    await owner.post("/configs", json=LINEAR)
    await owner.post("/configs", json={**WEB, "enabled": False})
    names = [each["name"] for each in (await owner.get("/agents/genie/configs")).json()["items"]]
    assert names == ["linear"]
    assert (await owner.get("/agents/nobody/configs")).json()["items"] == []
    listed = await owner.get("/configs", params={"agent_name": "genie", "enabled_only": "false"})
    assert [each["name"] for each in listed.json()["items"]] == ["linear", "web"]
    assert [each["name"] for each in (await owner.get("/configs")).json()["items"]] == ["linear"]


async def test_a_long_list_is_read_page_by_page(owner: httpx.AsyncClient) -> None:
    names = [f"server-{number}" for number in range(7)]
    for name in reversed(names):
        await owner.post("/configs", json={**LINEAR, "name": name})
    for query in ("/configs?limit=3", "/configs?limit=3&agent_name=genie"):
        seen, pages, url = list[str](), 0, query
        while url:
            answer = await owner.get(url)
            seen += [each["name"] for each in answer.json()["items"]]
            pages += 1
            url = answer.links.get("next", {}).get("url", "").removeprefix("/api/v1/mcp")
        assert (seen, pages) == (names, 3)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"server_type": "carrier-pigeon"}, "server_type"),
        ({"command": None}, ""),
        ({"command": []}, "command"),
        ({"server_type": "http", "command": None}, ""),
        ({"server_type": "http", "command": None, "url": "ftp://example.com/"}, "url"),
        ({"name": "no spaces"}, "name"),
        ({"name": ""}, "name"),
        ({"agents": []}, "agents"),
        ({"tools": {"only": ["x"]}}, "tools.only"),
        ({"timeout": 999}, "timeout"),
        ({"timeout": 300001}, "timeout"),
        ({"retry_count": 11}, "retry_count"),
        ({"retry_count": -1}, "retry_count"),
        ({"command": ["bash", "-c", "true"]}, "command.0"),
        ({"legacy": {"id": 1}}, "legacy"),
        ({"description": f"a {MASK}"}, "description"),
    ],
)
async def test_a_config_that_breaks_a_rule_is_refused_and_the_place_named(
    owner: httpx.AsyncClient, change: dict[str, Any], where: str
) -> None:
    sent = {key: value for key, value in {**LINEAR, **change}.items() if value is not None}
    answer = problem_of(await owner.post("/configs", json=sent))
    assert any(each["where"] == where for each in answer["errors"]), answer
    assert (await owner.get("/configs?enabled_only=false")).json()["items"] == []


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    code = "policy" if ":policy" in answer.text else "invalid-config"
    return problem(answer, 400, code)


async def test_the_policy_names_its_rule(owner: httpx.AsyncClient) -> None:
    answer = problem(await owner.post("/configs", json={**LINEAR, "command": ["python3", "-c", "1"]}), 400, "policy")
    assert answer["errors"][0]["rule"] == "interpreter-option"


async def test_a_name_is_taken_once_and_never_changed(owner: httpx.AsyncClient) -> None:
    await owner.post("/configs", json=LINEAR)
    problem(await owner.post("/configs", json=LINEAR), 409, "duplicate-server")
    answer = problem(await owner.put("/configs/linear", json={**LINEAR, "name": "other"}), 400, "invalid-config")
    assert answer["errors"] == [
        {"where": "name", "message": "cannot be changed; delete the server, and create it anew"}
    ]


async def test_of_two_that_create_one_name_at_once_one_is_told_that_it_is_taken(owner: httpx.AsyncClient) -> None:
    codes = await together(owner, 6, lambda client: client.post("/configs", json=LINEAR))
    assert sorted(codes) == [201, 409, 409, 409, 409, 409]


async def test_of_two_that_change_the_same_state_one_is_told_that_it_was_changed(owner: httpx.AsyncClient) -> None:
    tag = (await owner.post("/configs", json=LINEAR)).headers["etag"]

    def put(client: httpx.AsyncClient) -> Any:
        return client.put("/configs/linear", json={**LINEAR, "timeout": 2000}, headers={"If-Match": tag})

    assert sorted(await together(owner, 4, put)) == [200, 412, 412, 412]
    assert (await owner.delete("/configs/linear", headers={"If-Match": tag})).status_code == 412
    assert (await owner.delete("/configs/linear", headers={"If-Match": "*"})).status_code == 204


async def together(client: httpx.AsyncClient, count: int, send: Any) -> list[int]:
    codes: list[int] = []

    async def one() -> None:
        codes.append((await send(client)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)
    return codes


@pytest.mark.parametrize(
    ("header", "status"), [("{tag}", 200), ('"other", {tag}', 200), ("W/{tag}", 412), ('"other"', 412), ("naked", 400)]
)
async def test_if_match_compares_strongly(owner: httpx.AsyncClient, header: str, status: int) -> None:
    tag = (await owner.post("/configs", json=LINEAR)).headers["etag"]
    answer = await owner.put("/configs/linear", json=LINEAR, headers={"If-Match": header.format(tag=tag)})
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/configs", "/configs/linear", "/agents/genie/configs", "/audit"])
async def test_who_has_the_state_is_not_sent_it_again(owner: httpx.AsyncClient, path: str) -> None:
    await owner.post("/configs", json=LINEAR)
    tag = (await owner.get(path)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await owner.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    await owner.put("/configs/linear", json={**LINEAR, "timeout": 2000})
    assert (await owner.get(path, headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid-request"),
        (b"[]", 400, "invalid-request"),
        (b"{", 400, "invalid-request"),
        (b"\xff", 400, "invalid-request"),
        (b"[" * 100_000, 400, "invalid-request"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, 400, "invalid-config"),
        (b'{"name":"a","name":"b"}', 400, "invalid-request"),
        (b'{"priority":NaN}', 400, "invalid-request"),
        (b'{"priority":' + b"9" * 5000 + b"}", 400, "invalid-request"),
        (b'{"name":"\\u0000"}', 400, "invalid-config"),
        (b'{"name":"\\ud800"}', 400, "invalid-config"),
        (b" " * 300_000, 413, "too-large"),
    ],
)
async def test_a_body_that_is_no_config_is_one_problem(
    owner: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    answer = await owner.post("/configs", content=body, headers={"content-type": "application/json"})
    problem(answer, status, code)


async def test_a_body_that_does_not_say_how_long_it_is_is_counted(owner: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    answer = await owner.post("/configs", content=chunks(), headers={"content-type": "application/json"})
    problem(answer, 413, "too-large")


async def test_what_is_asked_wrongly_is_a_problem_too(owner: httpx.AsyncClient) -> None:
    problem(await owner.post("/configs", content=b"a: b", headers={"content-type": "text/yaml"}), 415,
            "unsupported-media-type")  # fmt: skip
    problem(await owner.get("/nothing"), 404, "not-found")
    refused = await owner.patch("/configs/linear")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "DELETE, GET, PUT"
    for query in ("limit=0", "limit=501", "limit=x", "bogus=1", "agent_name=", "agent_name=%00", "enabled_only=maybe"):
        problem(await owner.get(f"/configs?{query}"), 400, "invalid-request")
    problem(await owner.get("/configs/%00"), 400, "invalid-request")
    problem(await owner.get("/audit?before=99999999999"), 400, "invalid-request")


async def test_sql_is_only_a_text(owner: httpx.AsyncClient) -> None:
    await owner.post("/configs", json=LINEAR)
    for number, text in enumerate(SQL):
        for answer in (
            await owner.get("/configs", params={"agent_name": text, "enabled_only": "false"}),
            await owner.get("/configs", params={"after": text}),
            await owner.get("/audit", params={"server": text}),
            await owner.post("/configs", json={**LINEAR, "name": text}),
            await owner.post("/configs", json={**LINEAR, "name": f"described-{number}", "description": text}),
        ):
            assert answer.status_code in {200, 201, 400}, (text, answer.text)
    assert (await owner.get("/configs/linear")).json()["name"] == "linear"


async def test_who_asks_too_often_waits(matrix_database: TestDatabase) -> None:
    async with api(matrix_database.url, rates=Rates(per_key=1, per_address=2)) as opened:
        async with opened.client("read") as client:
            assert (await client.get("/configs")).status_code == 200
            answer = await client.get("/configs")
            problem(answer, 429, "too-many-requests")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        async with opened.client("write") as other:
            assert (await other.get("/configs")).status_code == 200
        async with opened.client(key="wrong") as client:
            codes = [(await client.get("/configs")).status_code for _ in range(3)]
            assert codes == [401, 401, 429]


@pytest.mark.parametrize("path", ["/health", "/openapi.json"])
async def test_what_asks_for_no_key_has_a_rate_for_each_address(matrix_database: TestDatabase, path: str) -> None:
    async with api(matrix_database.url, rates=Rates(per_address=2)) as opened:

        async def asked(address: str) -> int:
            async with opened.client(key="", address=address) as client:
                return (await client.get(path)).status_code

        assert [await asked("192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert await asked("192.0.2.2") == 200
        assert await asked("::ffff:192.0.2.1") == 429
        neighbours = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"]
        assert [await asked(each) for each in neighbours] == [200, 200, 429]
        assert await asked("2001:db8:0:1::1") == 200


async def test_health_asks_for_no_key_and_metrics_for_one(served: Api, owner: httpx.AsyncClient) -> None:
    async with served.client(key="") as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        problem(await client.get("/health?verbose=1"), 400, "invalid-request")
    answer = await owner.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'agent_matrix_configs_servers{store="new"} 0' in answer.text


async def test_the_document_names_every_answer(owner: httpx.AsyncClient) -> None:
    document = (await owner.get("/openapi.json")).json()
    assert "422" not in str(document["paths"])
    assert set(document["paths"]["/api/v1/mcp/configs/{name}"]) == {"get", "put", "delete"}
    schemas = document["components"]["schemas"]
    assert "legacy" not in schemas["SentConfig"]["properties"]
    assert {"ServerConfig", "ConfigPage", "AuditPage", "Problem"} <= set(schemas)
    created = document["paths"]["/api/v1/mcp/configs"]["post"]["responses"]
    assert set(created) == {"201", "400", "401", "403", "408", "409", "413", "414", "415", "429", "431", "503"}
    assert set(created["409"]["content"]) == {"application/problem+json"}
    assert set(created["201"]["headers"]) == {"ETag", "Location"}
    for path in ("/docs", "/redoc"):
        problem(await owner.get(f"http://api{path}"), 404, "not-found")
