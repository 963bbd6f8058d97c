"""What goes wrong with one server, one client or one message stays with it: the lab serves the others."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess

import httpx2
import pytest
from mcp import MCPError

from matrix.lab.records import ProcessEventKind
from matrix.lab.script import Script, say
from matrix.lab.servers.spec import ServerSpec, Stub, StubServer
from matrix.lab.trace import Trace
from matrix.model import STATEFUL, Transport
from mcp_stubs._room import Room
from mcp_stubs._stub import STDERR, StubTool, tool_server
from mcp_stubs.noisy import FLOOD
from tests.lab.bench import (
    HANG,
    HTTP_HEADERS,
    INITIALIZE,
    INITIALIZED,
    answer_in,
    attached,
    bridging,
    open_session,
    python,
    started,
    text_of,
    tools_call,
)

pytestmark = pytest.mark.anyio

EVERY_TRANSPORT = pytest.mark.parametrize("transport", ["stdio", "http", "sse"])


async def echoes(cell, name="echo", tool="echo"):
    """Whether a new client of this server is served."""
    async with cell.connect(name) as client:
        return text_of(await client.call_tool(tool, {"text": "still here"})) == "still here"


async def test_a_server_that_is_dead_on_arrival_exits_with_its_code_and_its_last_words(lab):
    async with attached(lab, "dying", "echo") as cell:
        async with bridging(cell.entries["dying"]) as dying:
            assert await dying.end() == (3, b"", b"dying: cannot start: no such database\n")
        assert await cell.ended()
        assert await echoes(cell)
    assert cell.happened("ended", "dying#1")[0].detail == "3"
    assert cell.happened("stderr", "dying#1")[0].detail == "dying: cannot start: no such database"
    assert not cell.trace.notes


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_that_is_dead_on_arrival_refuses_connections(lab, transport):
    async with attached(lab, "dying", "echo", transport=transport) as cell:
        with pytest.RaisesGroup(httpx2.ConnectError, flatten_subgroups=True, allow_unwrapped=True):
            async with cell.connect("dying"):
                pass
        assert await echoes(cell)
    assert not cell.trace.notes


@EVERY_TRANSPORT
async def test_a_server_that_dies_in_mid_call_answers_nobody_and_takes_no_other_along(lab, transport):
    async with attached(lab, "mortal", "echo", transport=transport) as cell, cell.connect("echo") as bystander:
        async with cell.connect("mortal") as client:
            for tool in ("die", "survive"):
                with pytest.raises(MCPError):
                    await client.call_tool(tool, {"text": "x"})
        assert text_of(await bystander.call_tool("echo", {"text": "x"})) == "x"
        assert await echoes(cell)
    (death,) = cell.trace.calls("die")
    assert (death.ended, death.result, death.error) == (None, None, None)
    assert not cell.trace.notes  # it was meant to die
    if transport == "stdio":
        assert cell.happened("ended", "mortal#1")[0].detail == "1"


async def test_a_dead_http_server_is_answered_for_as_by_a_gateway(lab):
    async with attached(lab, "mortal", transport="http") as cell:
        with httpx2.Client(timeout=HANG) as http:
            url = cell.entries["mortal"]["url"]
            http.post(url, json=tools_call(1, "die"), headers=open_session(http, url))
            assert http.post(url, json=INITIALIZE, headers=HTTP_HEADERS).status_code == 502
    assert [each.status for each in cell.trace.http] == [200, 202, 200, 502]


async def test_a_stdio_server_that_has_died_can_be_started_again(lab):
    async with attached(lab, "mortal") as cell:
        async with bridging(cell.entries["mortal"]) as line:
            await line.shake_hands()
            await line.send(tools_call(1, "die"))
            assert (await line.read(), await line.gone()) == (None, 1)
        assert await echoes(cell, "mortal", "survive")


async def test_a_flood_on_stderr_reaches_the_client_and_does_not_block_the_call(lab, tmp_path):
    async with attached(lab, "noisy") as cell:
        async with cell.connect(stderr=tmp_path / "stderr") as client:
            assert text_of(await client.call_tool("echo", {"text": "x"})) == "x"
        assert await cell.ended()
    assert (tmp_path / "stderr").read_text() == FLOOD
    (recorded,) = cell.happened("stderr")
    assert FLOOD.startswith(recorded.detail)


def chatty(name, room):
    """Make a server that writes on stderr in pieces."""

    async def shout(*_):
        print("one", "\u2028 line", 3, file=STDERR.get())
        print("begun", end="", file=STDERR.get(), flush=True)
        return "shouted"

    return tool_server(name, [StubTool("shout", "Shout.", shout)])


async def test_what_a_stub_writes_in_pieces_reaches_the_client_in_lines(lab):
    trace = Trace()
    servers = [ServerSpec("chatty", StubServer(Stub("chatty", chatty, Room, STDERR)))]
    entries = await lab.call(lab.open("c0", trace, servers, Transport.STDIO, STATEFUL))
    async with bridging(entries["chatty"]) as line:
        await line.shake_hands()
        await line.send(tools_call(1, "shout"))
        assert (await line.read())["id"] == 1
        assert (await line.end())[2].decode() == "one \u2028 line 3\nbegun\n"
    assert [each.detail for each in trace.process_events(ProcessEventKind.STDERR)] == ["one \u2028 line 3", "begun"]
    await lab.call(lab.close("c0"))


HTTP_CLIENT = """
import json, sys, urllib.request
def post(message, **more):
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **more}
    return urllib.request.urlopen(urllib.request.Request(sys.argv[1], json.dumps(message).encode(), headers))
answer = post(json.loads(sys.argv[2]))
session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
post(json.loads(sys.argv[3]), **session)
post(json.loads(sys.argv[4]), **session).read()
"""
STDIO_CLIENT = """
import json, subprocess, sys
entry = json.loads(sys.argv[1])
pipe = subprocess.PIPE
server = subprocess.Popen([entry["command"], *entry["args"]], stdin=pipe, stdout=pipe, cwd=entry["cwd"])
for message in sys.argv[2:]:
    server.stdin.write(message.encode() + b"\\n")
    server.stdin.flush()
server.stdout.read()
"""


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_client_that_is_killed_in_mid_call_leaves_the_lab_serving_the_others(lab, transport):
    async with attached(lab, "slow", "echo", transport=transport) as cell, cell.connect("echo") as bystander:
        entry = cell.entries["slow"]
        code, where = (STDIO_CLIENT, json.dumps(entry)) if transport == "stdio" else (HTTP_CLIENT, entry["url"])
        messages = [json.dumps(each) for each in (INITIALIZE, INITIALIZED, tools_call(1, "silent"))]
        async with started(*python(code), where, *messages) as client:
            assert await cell.trace.until(lambda: bool(cell.trace.calls("silent")), HANG)
            client.process.kill()
            assert await client.gone() == -signal.SIGKILL
            if transport == "stdio":  # its server sees the end of its stdin, and ends
                assert await cell.trace.until(lambda: "slow#1" not in cell.trace.open_sessions(), HANG)
        assert text_of(await bystander.call_tool("echo", {"text": "x"})) == "x"
        assert await echoes(cell)
    assert cell.trace.calls("silent")[0].result is None
    assert not cell.trace.notes


async def test_closing_a_cell_ends_the_bridges_that_an_agent_left_behind(lab):
    async with attached(lab, "slow", "echo") as cell:
        left = [await asyncio.create_subprocess_exec(*argv_of(cell.entries[name]), **PIPES) for name in cell.entries]
        assert await cell.trace.until(lambda: len(cell.happened("started")) == 2, HANG)
    assert sorted(each.pid for each in cell.happened("ended")) == sorted(each.pid for each in left)
    for process in left:
        await asyncio.wait_for(process.communicate(), HANG)
        assert process.returncode == 0


async def test_a_bridge_of_a_cell_that_has_ended_says_so(lab):
    async with attached(lab, "echo") as cell:
        entry = cell.entries["echo"]
        entry = {**entry, "cwd": str(lab.folder)}
    async with bridging(entry) as line:
        assert await line.end() == (4, b"", b"this cell has ended\n")


async def test_nothing_is_served_under_the_path_of_a_cell_that_has_ended(lab):
    async with attached(lab, "slow", transport="http") as cell:
        url = cell.entries["slow"]["url"]
        async with cell.connect() as client:
            pending = asyncio.ensure_future(client.call_tool("silent"))
            assert await cell.trace.until(lambda: bool(cell.trace.calls("silent")), HANG)
            await lab.call(lab.close("c0"))
            with pytest.raises(MCPError):
                await pending
    assert httpx2.post(url, json=INITIALIZE, headers=HTTP_HEADERS).status_code == 404


async def test_an_agent_that_blocks_its_loop_still_finds_its_servers_and_its_model(lab):
    async with attached(lab, "echo", transport="http") as cell, attached(lab, "echo", key="c1") as piped:
        conversation = lab.converse("c0", 0, Script((say("hello"),)), cell.trace)
        # From here to the end of the block the loop does not run.
        with httpx2.Client(timeout=HANG) as http:
            url = cell.entries["echo"]["url"]
            headers = open_session(http, url)
            called = answer_in(http.post(url, json=tools_call(1, "echo", text="x"), headers=headers))
            question = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            told = http.post(f"{lab.model_url(conversation)}/v1/chat/completions", json=question).json()
        lines = b"".join(json.dumps(each).encode() + b"\n" for each in (INITIALIZE, INITIALIZED))
        bridge = subprocess.run(  # noqa: ASYNC221 - it is to block
            argv_of(piped.entries["echo"]), input=lines, capture_output=True, timeout=HANG, check=True
        )
    assert called["result"]["content"][0]["text"] == "x"
    assert told["choices"][0]["message"]["content"] == "hello"
    assert json.loads(bridge.stdout)["result"]["serverInfo"]["name"] == "echo"


PIPES = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}


def argv_of(entry):
    return [entry["command"], *entry["args"]]
