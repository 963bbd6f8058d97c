"""Garbage hurts nobody but who sends it: on the lab's socket, and in the lines and bodies of a session."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from tests.lab.bench import HANG, answer_in, attached, bridging, open_session, text_of, tools_call

pytestmark = pytest.mark.anyio

GARBAGE = [
    b"",
    b"\n",
    b"garbage\n",
    b"\xff\xfe\x00\n",
    b"h\n",
    b"h[]\n",
    b"hnull\n",
    b"h{}\n",
    b'h{"key": ["c0-0"]}\n',
    b'h{"key": "c0-0"}\n' + b"garbage\n" * 3,
    b'h{"key": "c0-0", "pid": 1',
    b"GET / HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_on_the_socket_hurts_nobody(lab, garbage, caplog):
    async with attached(lab, "echo") as cell, cell.connect() as bystander:
        async with await anyio.connect_unix(lab.folder / "lab.sock") as link:
            await link.send(garbage)
            await link.send_eof()
            with anyio.fail_after(HANG):
                while True:
                    try:
                        await link.receive()
                    except anyio.EndOfStream:
                        break
        assert text_of(await bystander.call_tool("echo", {"text": "x"})) == "x"
        async with cell.connect() as another:
            assert text_of(await another.call_tool("echo", {"text": "y"})) == "y"
    assert not [each for each in caplog.records if each.name == "asyncio"]


MALFORMED = [
    b"not json",
    b"\xff\xfe",
    b'{"jsonrpc": "2.0"',
    b"[]",
    b"null",
    b'"\\ud800"',
    b'{"jsonrpc": "1.0", "id": 7, "method": "tools/list"}',
    b'{"jsonrpc": "2.0", "id": [7], "method": "tools/call", "params": {"name": "echo"}}',
    b'{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": [1]}',
    b'{"jsonrpc": "2.0", "id": 9, "method": "no/such", "params": {"text": "\\ud800"}}',
]


@pytest.mark.parametrize("line", MALFORMED)
async def test_a_malformed_message_over_stdio_is_recorded_and_the_session_goes_on(lab, line):
    async with attached(lab, "echo") as cell, bridging(cell.entries["echo"]) as bridge:
        await bridge.shake_hands()
        await bridge.send(line, tools_call(1, "echo", text="x"))
        answers = [await bridge.read()]
        while answers[-1].get("id") != 1:
            answers.append(await bridge.read())
        assert (await bridge.end())[0] == 0
        assert await cell.ended()
        assert answers[-1]["result"]["content"][0]["text"] == "x"
        assert cell.trace.calls()[-1].result == answers[-1]["result"]
    assert not cell.trace.notes


@pytest.mark.parametrize("line", MALFORMED)
async def test_a_malformed_message_over_http_is_refused_and_the_session_goes_on(lab, line):
    async with attached(lab, "echo", transport="http") as cell:
        with httpx2.Client(timeout=HANG) as http:
            url = cell.entries["echo"]["url"]
            headers = open_session(http, url)
            refused = http.post(url, content=line, headers=headers)
            assert refused.status_code < 500
            answer = answer_in(http.post(url, json=tools_call(1, "echo", text="x"), headers=headers))
        assert answer["result"]["content"][0]["text"] == "x"
        assert cell.trace.calls()[-1].result == answer["result"]
    assert not cell.trace.notes
