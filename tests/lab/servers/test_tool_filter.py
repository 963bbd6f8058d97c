"""Tool filters on the wire, and private servers, of which an agent learns nothing."""

from __future__ import annotations

import signal

import pytest
from mcp import MCPError

from matrix.lab.records import NoteKind
from matrix.lab.servers.asgi import read_body
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stubs import load_stub
from matrix.lab.servers.tool_filter import WireFilter, filtered
from matrix.lab.trace import Trace
from matrix.model import STATEFUL, STATELESS, Transport
from matrix.sources import HttpServer, StdioServer
from matrix.tool_filter import ToolFilter
from tests.lab.bench import bridging, connected, python
from tests.lab.servers.children import LINE, child_pid, ends, private

pytestmark = pytest.mark.anyio


async def test_of_a_private_server_the_agent_learns_neither_command_nor_environment(lab, tmp_path):
    code = "import os; print(os.getcwd(), sorted({*os.environ} - {'LC_CTYPE'}))"
    async with private(lab, tmp_path, *python(code)) as cell, bridging(cell.entries["child"]) as line:
        assert (await line.end())[1].decode() == f"{tmp_path} ['KEPT', 'PATH']\n"
        assert await cell.ended()
    entry = cell.entries["child"]
    assert entry["args"][-1] == "c0-0"
    assert entry["env"] == {}


async def test_a_private_server_passes_lines_of_two_megabytes_both_ways_at_once(lab, tmp_path):
    async with private(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        messages = [{"id": number, "method": "ask", "text": LINE} for number in range(3)]
        for message in messages:
            await line.send(message)
        assert [await line.read() for _ in messages] == [{"id": each["id"], "result": each} for each in messages]
        assert (await line.end())[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_private_server_does_not_survive_its_bridge(lab, tmp_path, number):
    async with private(lab, tmp_path) as cell, bridging(cell.entries["child"]) as line:
        pid = await child_pid(line)
        line.process.send_signal(number)
        await line.gone()
        assert await cell.ended()
        assert await ends(pid)


async def test_a_server_that_cannot_be_started_or_says_nothing_is_at_fault_itself(lab, tmp_path):
    missing = str(tmp_path / "none")
    async with private(lab, tmp_path, missing) as cell, bridging(cell.entries["child"]) as line:
        assert (await line.gone()) == 127
        assert await cell.ended()
    (note,) = cell.trace.notes
    why = f"{missing}: No such file or directory"
    assert note.kind is NoteKind.SERVER_FAULT
    assert note.text == f"the server itself: child ended with exit code 127 before it said anything: {why}"


FILTERS = [
    (ToolFilter(), {"add", "admin", "drop"}),
    (ToolFilter(include=()), set()),
    (ToolFilter(include=("add",)), {"add"}),
    (ToolFilter(include=("ad*",)), {"add", "admin"}),
    (ToolFilter(include=("ad*",), exclude=("add",)), {"admin"}),
    (ToolFilter(exclude=("*",)), set()),
    (ToolFilter(exclude=("a.d", "[a]dd", "Add", "dro")), {"add", "admin", "drop"}),
]


@pytest.mark.parametrize(("tools", "allowed"), FILTERS)
def test_a_filter_allows_what_its_patterns_say(tools, allowed):
    assert {name for name in ("add", "admin", "drop") if tools.allows(name)} == allowed


def test_a_list_of_tools_is_filtered_in_whatever_response_and_batch_it_comes():
    listed = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "add"}, {"name": "drop"}], "nextCursor": "x"}}
    kept = {**listed, "result": {"tools": [{"name": "add"}], "nextCursor": "x"}}
    other = {"jsonrpc": "2.0", "id": 2, "result": {"content": []}}
    tools = WireFilter(ToolFilter(exclude=("drop",)))
    assert tools.admit(listed) == kept
    assert tools.admit([other, listed]) == [other, kept]
    assert tools.admit(other) is other


def test_a_batch_that_calls_an_excluded_tool_is_refused_whole():
    def called(number, tool):
        return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool}}

    tools = WireFilter(ToolFilter(exclude=("drop",)))
    assert not tools.refuses([called(1, "add"), {"jsonrpc": "2.0", "method": "notifications/x"}])
    batch = [called(1, "add"), called(2, "drop"), {"jsonrpc": "2.0", "method": "notifications/x"}]
    assert tools.refuses(batch)
    assert [(each["id"], each["error"]["code"]) for each in tools.answer(batch)] == [(1, -32600), (2, -32602)]
    silent = {key: each for key, each in called(1, "drop").items() if key != "id"}
    assert tools.refuses(silent)
    assert tools.answer(silent) is None


@pytest.mark.parametrize("revision", [STATEFUL, STATELESS])
async def test_over_http_an_excluded_tool_is_neither_listed_nor_called(lab, revision):
    trace = Trace()
    servers = [ServerSpec("many", StubServer(load_stub("many"), ToolFilter(exclude=("echo_00*",))))]
    entries = await lab.call(lab.open("c0", trace, servers, Transport.HTTP, revision))
    try:
        async with connected(entries["many"]) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
            with pytest.raises(MCPError, match="Unknown tool: echo_001") as refused:
                await client.call_tool("echo_001", {})
    finally:
        await lab.call(lab.close("c0"))
    assert listed
    assert not [name for name in listed if name.startswith("echo_00")]
    assert list(trace.listed()) == listed
    assert refused.value.error.code == -32602
    assert [(each.tool, each.error["message"]) for each in trace.calls()] == [("echo_001", "Unknown tool: echo_001")]


async def test_what_cannot_be_filtered_is_refused(lab):
    servers = [ServerSpec("echo", StubServer(load_stub("echo"), ToolFilter(exclude=("echo",))))]
    for transport in (Transport.STDIO, Transport.SSE):
        with pytest.raises(ValueError, match="tools are filtered over HTTP"):
            await lab.call(lab.open(f"c-{transport}", Trace(), servers, transport, STATEFUL))


async def test_a_server_is_not_attached_over_a_transport_that_it_has_not(lab, tmp_path):
    started = ServerSpec("child", StdioServer(("true",), {}, tmp_path))
    for server, transport in (
        (started, Transport.HTTP),
        (started, Transport.SSE),
        (ServerSpec("far", HttpServer("http://127.0.0.1:1/mcp")), Transport.STDIO),
    ):
        with pytest.raises(
            ValueError, match=f"{server.name} is an? .* server, which is not to be had over {transport}"
        ):
            await lab.call(lab.open(f"c-{transport}", Trace(), [server], transport, STATEFUL))


LISTED = b'{"id": 1, "result": {"tools": [{"name": "drop"}, {"name": "add"}]}}'
EVENTS = b": hello\r\n\r\nevent: message\r\nid: 7\r\ndata: " + LISTED + b'\r\n\r\ndata: {"id": 2}\n\ndata: {"cut'


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/event-stream"])
async def test_a_response_is_filtered_however_it_is_cut_into_pieces(size, kind):
    body = LISTED if kind.startswith("application") else EVENTS
    sent = []

    async def server(scope, receive, send):
        await read_body(receive)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(body), size):
            more = start + size < len(body)
            await send({"type": "http.response.body", "body": body[start : start + size], "more_body": more})

    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(event):
        sent.append(event)

    await filtered(server, WireFilter(ToolFilter(exclude=("drop",))))({"method": "POST", "headers": []}, receive, send)
    got = b"".join(each.get("body", b"") for each in sent)
    kept = b'{"id": 1, "result": {"tools": [{"name": "add"}]}}'
    if body is LISTED:
        assert got == kept
        assert dict(sent[0]["headers"])[b"content-length"] == str(len(kept)).encode()
    else:
        assert got == b": hello\r\n\r\nevent: message\r\nid: 7\r\ndata: " + kept + b'\r\n\r\ndata: {"id": 2}\n\n'
        assert b"content-length" not in dict(sent[0]["headers"])
