"""The lab serves stubs over every transport and revision, and its trace is what the client itself saw."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from http.client import HTTPConnection

import httpx2
import pytest
from mcp import MCPError

from matrix.lab.lab import Lab
from matrix.model import STATEFUL, STATELESS
from mcp_stubs.content import UNICODE_TEXT, large_text
from tests.lab.bench import (
    HANG,
    HTTP_HEADERS,
    INITIALIZE,
    WAYS,
    Tape,
    answer_in,
    attached,
    open_session,
    text_of,
    tools_call,
)

pytestmark = pytest.mark.anyio

EVERY_WAY = pytest.mark.parametrize(("transport", "revision"), WAYS)
ONE_WAY_EACH = pytest.mark.parametrize(
    ("transport", "revision"), [("stdio", STATEFUL), ("http", STATEFUL), ("http", STATELESS), ("sse", STATEFUL)]
)


def sorted_json(messages):
    return sorted(json.dumps(each, sort_keys=True) for each in messages)


@EVERY_WAY
async def test_the_trace_holds_every_frame_that_the_client_sent_and_received(lab, transport, revision):
    tape = Tape()
    async with attached(lab, "echo", transport=transport, revision=revision) as cell:
        async with cell.connect(tape=tape) as client:
            assert client.protocol_version == revision
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            assert text_of(await client.call_tool("echo", {"text": "hello"})) == "hello"
        assert await cell.ended()
    for direction, kept in (("in", tape.sent), ("out", tape.received)):
        frames = [each.message for each in cell.trace.frames if each.direction == direction]
        assert sorted_json(frames) == sorted_json(kept)
    (seen,) = cell.trace.calls()
    assert (seen.server, seen.tool, dict(seen.arguments)) == ("echo", "echo", {"text": "hello"})
    assert seen.result["content"][0]["text"] == "hello"
    assert seen.ended >= seen.started
    assert list(cell.trace.listed("echo")) == ["echo"]


@ONE_WAY_EACH
async def test_a_session_is_labelled_by_its_server_and_its_number(lab, transport, revision):
    async with attached(lab, "echo", transport=transport, revision=revision) as cell:
        for _ in range(2):
            async with cell.connect(mode=STATELESS if revision == STATELESS else "legacy") as client:
                await client.call_tool("echo", {"text": "x"})
    first, second = (each.session for each in cell.trace.calls())
    if (transport, revision) == ("http", STATELESS):
        # No session there: every POST stands alone.
        assert len({each.session for each in cell.trace.frames}) == len(cell.trace.http)
    else:
        assert (first, second) == ("echo#1", "echo#2")
        assert {each.session for each in cell.trace.frames} == {first, second}


@pytest.mark.parametrize("revision", [STATEFUL, STATELESS])
async def test_an_http_exchange_is_recorded_with_status_headers_and_method(lab, revision):
    mode = STATELESS if revision == STATELESS else "legacy"
    async with (
        attached(lab, "echo", transport="http", revision=revision) as cell,
        cell.connect(mode=mode) as client,
    ):
        await client.call_tool("echo", {"text": "x"})
    (exchange,) = (each for each in cell.trace.http if each.rpc_method == "tools/call")
    assert (exchange.server, exchange.method, exchange.path, exchange.status) == ("echo", "POST", "/mcp/echo", 200)
    assert exchange.headers["mcp-protocol-version"] == revision
    assert "text/event-stream" in exchange.headers["accept"]
    if revision == STATEFUL:
        opened, *_ = cell.trace.http
        assert (opened.rpc_method, "mcp-session-id" in opened.headers) == ("initialize", False)
        assert exchange.headers["mcp-session-id"]
        assert cell.trace.http[-1].method == "DELETE"


async def test_the_process_of_a_stdio_server_is_recorded_from_start_to_end(lab):
    async with attached(lab, "echo") as cell:
        async with cell.connect():
            (process,) = cell.happened("started")
            assert cell.trace.open_sessions() == ["echo#1"]
        assert await cell.ended()
    (ended,) = cell.happened("ended")
    assert (ended.session, ended.pid, ended.detail) == ("echo#1", process.pid, "0")
    assert process.cwd.startswith(str(lab.folder))
    assert "PATH" in process.env


@ONE_WAY_EACH
async def test_two_sessions_at_once_keep_apart(lab, transport, revision):
    async with attached(lab, "stateful", "rendezvous", transport=transport, revision=revision) as cell:
        async with cell.connect("rendezvous") as one, cell.connect("rendezvous") as two:
            met = await asyncio.gather(
                *(each.call_tool("meet", {"party": 2, "token": token}) for each, token in ((one, "a"), (two, "b")))
            )
            assert [text_of(each) for each in met] == ["met a", "met b"]
        if revision == STATEFUL:
            async with cell.connect("stateful") as one, cell.connect("stateful") as two:
                await one.call_tool("remember", {"key": "k", "value": "of one"})
                assert text_of(await two.call_tool("recall", {"key": "k"})) == "nothing"
                assert text_of(await one.call_tool("recall", {"key": "k"})) == "of one"
    for each in cell.trace.calls("meet"):
        assert each.result["content"][0]["text"] == f"met {each.arguments['token']}"
    assert len({each.session for each in cell.trace.calls("meet")}) == 2


async def test_two_cells_at_once_have_each_its_own_trace_and_room(lab):
    async with (
        attached(lab, "echo", key="c1") as one,
        attached(lab, "echo", key="c2", transport="http") as two,
        one.connect() as first,
        two.connect() as second,
    ):
        await first.call_tool("echo", {"text": "one"})
        await second.call_tool("echo", {"text": "two"})
    assert [dict(each.arguments) for each in one.trace.calls()] == [{"text": "one"}]
    assert [dict(each.arguments) for each in two.trace.calls()] == [{"text": "two"}]
    assert not one.trace.http
    assert not two.trace.processes


async def test_one_stub_under_two_names_is_two_servers(lab):
    async with attached(lab, left="collide", right="collide") as cell:
        for name in ("left", "right"):
            async with cell.connect(name) as client:
                assert text_of(await client.call_tool("lookup", {"text": "x"})) == f"{name}: x"
    assert [each.session for each in cell.trace.calls()] == ["left#1", "right#1"]
    assert len(cell.trace.calls(server="left")) == 1


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_a_stateful_server_refuses_the_stateless_revision_as_an_old_one_does(lab, transport):
    async with attached(lab, "echo", transport=transport) as cell, cell.connect(mode="auto") as client:
        assert client.protocol_version == STATEFUL
    answer = next(each for each in cell.trace.frames if each.direction == "out")
    assert answer.message["error"]["code"] == -32601
    if transport == "http":
        discovered, *_ = cell.trace.http
        assert (discovered.rpc_method, discovered.status) == ("server/discover", 400)


async def test_a_stateful_http_server_refuses_the_header_of_the_stateless_revision(lab):
    async with attached(lab, "echo", transport="http") as cell, httpx2.AsyncClient() as http:
        headers = {**HTTP_HEADERS, "Mcp-Protocol-Version": STATELESS}
        answer = await http.post(cell.entries["echo"]["url"], json=tools_call(1, "echo", text="x"), headers=headers)
    assert answer.status_code == 400
    assert "Unsupported protocol version" in answer.text


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_stateless_server_refuses_initialize(lab, transport):
    async with attached(lab, "echo", transport=transport, revision=STATELESS) as cell:
        with pytest.RaisesGroup(MCPError, flatten_subgroups=True):
            async with cell.connect(mode="legacy"):
                pass
    (refusal,) = (each for each in cell.trace.frames if each.direction == "out")
    assert refusal.message["error"]["code"] == -32022
    assert refusal.message["error"]["data"]["supported"] == [STATELESS]


async def test_a_server_of_an_old_revision_answers_a_newer_client_with_its_own(lab):
    async with attached(lab, "echo", transport="http", revision="2024-11-05") as cell, httpx2.AsyncClient() as http:
        answer = await http.post(cell.entries["echo"]["url"], json=INITIALIZE, headers=HTTP_HEADERS)
    assert answer_in(answer)["result"]["protocolVersion"] == "2024-11-05"
    assert cell.trace.requests("initialize")[0].message == INITIALIZE  # the trace has what was really sent


@ONE_WAY_EACH
async def test_a_result_of_a_megabyte_and_an_argument_of_three_arrive_whole(lab, transport, revision):
    argument = "é" * 1_500_000
    async with attached(lab, "content", "stateful", transport=transport, revision=revision) as cell:
        async with cell.connect("content") as client:
            assert text_of(await client.call_tool("large", {"size": 1_000_000})) == large_text(1_000_000)
        async with cell.connect("stateful") as client:
            await client.call_tool("remember", {"key": "k", "value": argument})
    assert cell.trace.calls("remember")[0].arguments["value"] == argument


@pytest.mark.parametrize(("transport", "revision"), [("stdio", STATEFUL), ("stdio", STATELESS), ("http", STATELESS)])
async def test_a_result_of_five_megabytes_arrives_whole(lab, transport, revision):
    async with attached(lab, "content", transport=transport, revision=revision) as cell, cell.connect() as client:
        assert text_of(await client.call_tool("large", {"size": 5_000_000})) == large_text(5_000_000)


async def test_a_result_of_five_megabytes_is_streamed_whole_where_the_client_takes_such_events(lab):
    async with attached(lab, "content", transport="http") as cell:
        url = cell.entries["content"]["url"]
        with httpx2.Client(timeout=60) as http:
            headers = open_session(http, url)
            answer = answer_in(http.post(url, json=tools_call(1, "large", size=5_000_000), headers=headers))
    assert answer["result"]["content"][0]["text"] == large_text(5_000_000)
    assert cell.trace.calls("large")[0].result == answer["result"]


@ONE_WAY_EACH
async def test_every_character_passes_both_ways(lab, transport, revision):
    awkward = "\u2028|\u2029|\x85|\x0b\x0c\x1c|\r|\r\n|\n|\x00\x7f|\ud7ff\ue000\uffff\U00010000\U0010ffff|data: x\n\n"
    async with attached(lab, "content", "echo", transport=transport, revision=revision) as cell:
        async with cell.connect("content") as client:
            assert text_of(await client.call_tool("unicode")) == UNICODE_TEXT
        async with cell.connect("echo") as client:
            assert text_of(await client.call_tool("echo", {"text": awkward})) == awkward
    (call,) = cell.trace.calls("echo")
    assert (call.arguments["text"], call.result["content"][0]["text"]) == (awkward, awkward)


async def test_an_idle_connection_is_still_open_after_an_hour(lab):
    with contextlib.closing(HTTPConnection("127.0.0.1", lab.port, timeout=HANG)) as connection:

        def answered():
            connection.request("GET", "/site/page/x1")
            return connection.getresponse().read()

        first = await asyncio.to_thread(answered)
        used = connection.sock
        await lab.call(an_hour_later(lab._loop))
        assert await asyncio.to_thread(answered) == first
        assert connection.sock is used


async def an_hour_later(loop):
    """Put the loop's clock on; what is due by then is done when this returns."""
    loop.time = lambda: time.monotonic() + 3600
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_a_lab_leaves_neither_folder_nor_thread():
    with Lab() as lab:
        folder, thread = lab.folder, lab._thread
        assert folder.is_dir()
    assert not folder.exists()
    assert not thread.is_alive()
