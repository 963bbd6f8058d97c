"""The API while somebody asks too much of it: the loop stays free, requests have bounds, and no error tells secrets.

What is proven by a gate: a piece of work is held in the midst of one request, and another one is answered meanwhile.
On the loop, the held work would keep the other one from being answered.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import anyio
import pytest
from anyio import to_thread

from matrix.configs import audit, service
from matrix.configs.api import problems, routes, wire
from matrix.configs.testing import TestDatabase
from tests.configs.configs_api_helpers import WEB, Api, api, problem
from tests.configs.configs_samples import LINEAR

pytestmark = pytest.mark.anyio

NEVER = 30
"""Seconds after which held work goes on although nobody let it: only a failing test takes so long."""
SECRET = "ghp_" + "a1B2" * 9


class Held:
    """A function that says when it is entered, and goes on when it is let."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.entered, self.let = threading.Event(), threading.Event()
        self._real = real

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.entered.set()
        self.let.wait(NEVER)
        return self._real(*arguments, **named)


@pytest.mark.parametrize(
    ("place", "name", "method", "path", "body"),
    [
        (wire, "_read", "POST", "/configs", {**WEB, "name": "other"}),
        (service, "unstorable", "POST", "/configs", {**WEB, "name": "other"}),
        (service, "unmasked", "PUT", "/configs/web", {**WEB, "timeout": 2000}),
        (service, "violations", "POST", "/configs", {**WEB, "name": "other"}),
        (audit, "mask", "POST", "/configs", {**WEB, "name": "other"}),
        (wire, "mask", "GET", "/configs/web", None),
        (routes, "mask", "GET", "/configs", None),
        (routes, "mask", "GET", "/agents/genie/configs", None),
        (wire, "canonical", "GET", "/configs", None),
        (wire, "canonical", "GET", "/audit", None),
        (routes, "as_prometheus", "GET", "/metrics", None),
        (problems, "mask_text", "GET", f"/configs?{'x' * 4000}", None),
        (problems, "mask_text", "POST", "/configs", {**WEB, "x" * 200_000: "\0"}),
    ],
)
async def test_work_on_what_was_sent_or_stored_never_holds_the_loop(
    matrix_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    name: str,
    method: str,
    path: str,
    body: Any,
) -> None:
    if matrix_database.kind != "sqlite":
        pytest.skip("the same threads on both")
    async with api(matrix_database.url) as opened, opened.client("write") as client:
        assert (await client.post("/configs", json=WEB)).status_code == 201
        held, meanwhile = Held(getattr(place, name)), list[int]()
        monkeypatch.setattr(place, name, held)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.request(method, path, json=body))
                assert await to_thread.run_sync(held.entered.wait, NEVER)
                meanwhile.append((await client.get("/health")).status_code)
                assert not held.let.is_set()
                held.let.set()
        finally:
            held.let.set()
        assert meanwhile == [200]


@pytest.fixture
async def opened(matrix_database: TestDatabase) -> Any:
    if matrix_database.kind != "sqlite":
        pytest.skip("nothing of the database is in it")
    async with api(matrix_database.url) as served:
        yield served


async def test_a_long_question_is_refused_unread(opened: Api) -> None:
    async with opened.client(key="") as client:
        for path in (f"/health?{'a' * 60_000}", f"/configs/{'a' * 9000}", f"/health?a={'%20' * 3000}"):
            answer = await client.get(path)
            problem(answer, 414, "uri-too-long")
            assert answer.headers["connection"] == "close"
        problem(await client.get(f"/health?{'a' * 8000}"), 400, "invalid-request")


async def test_many_or_long_headers_are_refused_unread(opened: Api) -> None:
    async with opened.client(key="") as client:
        for headers in ({"x-api-key": "k" * 20_000}, {f"x-{number}": "v" * 100 for number in range(200)}):
            problem(await client.get("/health", headers=headers), 431, "headers-too-large")


async def test_a_sentence_has_an_end_and_a_problem_names_so_many_places(opened: Api) -> None:
    async with opened.client("write") as client:
        answer = problem(
            await client.get("/configs?" + "&".join(f"k{n}=1" for n in range(600))), 400, "invalid-request"
        )
        assert len(answer["errors"]) == problems.MAX_FAULTS
        answer = problem(await client.post("/configs", json={**WEB, "x " * 50_000: "\0"}), 400, "invalid-config")
        assert len(answer["detail"]) == problems.MAX_TEXT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a word", "a word"),
        ("x" * 256, "x" * 256),
        (f"{'x' * 60_000} is no name", "… is no name"),
        ("x" * 300_000, "…"),
        (f"{'a' * 200} " * 39 + f" {SECRET * 5} {'b' * 500}", None),
        (f"{'a' * 1990} {SECRET}", None),
    ],
)
def test_what_a_client_sent_is_told_in_a_few_short_words(text: str, shown: str | None) -> None:
    """So the secret detector reads some thousand characters at most, and no word of more than a few hundred."""
    answer = bytes(problems.response(HTTPStatus.BAD_REQUEST, "invalid-request", text).body).decode()
    detail = json.loads(answer)["detail"]
    assert len(detail) <= problems.MAX_TEXT
    assert SECRET[:8] not in detail
    assert shown in {None, detail}


def test_many_keys_of_which_one_is_there_twice_are_read_once() -> None:
    """The 20,000 keys are compared by a table: looking each up among those before it would be 200,000,000 steps."""
    looked_up = 0

    class Key(str):
        __slots__ = ()

        def __hash__(self) -> int:
            nonlocal looked_up
            looked_up += 1
            return str.__hash__(self)

    pairs = [(Key(f"k{number}"), 1) for number in range(20_000)]
    with pytest.raises(ValueError, match="the key 'k7' is there twice"):
        wire._without_repetition([*pairs, (Key("k7"), 2)])
    assert looked_up < 10 * len(pairs)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/configs?{SECRET}=1", None),
        ("GET", f"/configs?limit={SECRET}", None),
        ("GET", f"/configs/{SECRET}", None),
        ("DELETE", f"/configs/{SECRET}", None),
        ("POST", "/configs", {**LINEAR, SECRET: "\0"}),
        ("POST", "/configs", {**LINEAR, "environment": {SECRET: "x"}}),
        ("POST", "/configs", {**LINEAR, "environment": {SECRET: 1}}),
        ("POST", "/configs", {**LINEAR, "tools": {"include": [f"*{SECRET}"]}}),
        ("POST", "/configs", {**LINEAR, "name": SECRET, "timeout": 1}),
        ("POST", "/configs", {**LINEAR, "transport": SECRET}),
        ("POST", "/configs", {**LINEAR, "command": [SECRET]}),
    ],
)
async def test_no_problem_tells_a_secret(opened: Api, method: str, path: str, body: Any) -> None:
    async with opened.client("write") as client:
        answer = await client.request(method, path, json=body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert SECRET not in answer.text


async def test_a_fault_of_ours_tells_no_values_to_the_client_and_none_to_the_log(
    opened: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError(f"[SQL: insert …] [parameters: {SECRET}]")

    monkeypatch.setattr(service, "violations", broken)
    async with opened.client("write") as client:
        with caplog.at_level(logging.DEBUG):
            answer = await client.post("/configs", json=LINEAR)
    problem(answer, 500, "fault")
    assert "x-content-type-options" in answer.headers
    assert "a fault of ours: RuntimeError, in configs/service.py:" in caplog.text
    assert (SECRET in answer.text + caplog.text, "Traceback" in answer.text + caplog.text) == (False, False)


async def test_a_driver_that_refuses_what_it_is_given_tells_no_parameters(
    opened: Api, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened.client("write") as client:
        async with opened.database.writing() as connection:
            await connection.exec_driver_sql("drop table mcp_configs")
        with caplog.at_level(logging.DEBUG, logger="matrix"):
            answer = await client.post("/configs", json={**LINEAR, "environment": {"A_KEY": SECRET}})
    assert answer.status_code in {500, 503}
    assert "no such table" not in answer.text
    for told in (answer.text, *(record.getMessage() for record in caplog.records if record.name.startswith("matrix"))):
        assert (SECRET in told, "parameters" in told, "Traceback" in told) == (False, False, False)


async def test_a_page_is_decoded_in_portions(opened: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a page is, others have their turn on the loop after so many configs."""
    asked: list[int | None] = []
    real = service.ConfigStore.list_mcp_configs

    async def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        asked.append(named["limit"])
        return await real(self, *arguments, **named)

    monkeypatch.setattr(service.ConfigStore, "list_mcp_configs", counted)
    monkeypatch.setattr(service, "_PORTION", 3)
    async with opened.client("write") as client:
        names = [f"server-{number}" for number in range(8)]
        for name in names:
            await client.post("/configs", json={**LINEAR, "name": name})
        page = (await client.get("/configs?limit=7")).json()
        assert ([each["name"] for each in page["items"]], page["next"]) == (names[:7], names[6])
        assert asked == [3, 3, 2]
        assert [each["server"] for each in (await client.get("/audit")).json()["items"]] == names[::-1]
