"""The stubs whose point is the session: its state, its era, and what the two sides say of themselves."""

import json

import anyio
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from mcp.shared.subscriptions import ToolsListChanged

from mcp_stubs import curious, instructions

pytestmark = pytest.mark.anyio
both_eras = pytest.mark.parametrize("mode", ["legacy", "auto"])


@both_eras
async def test_collide_says_which_server_answered(connect, said, mode):
    clients = [connect("collide", mode=mode, name=name) for name in ("one", "two")]
    async with clients[0] as one, clients[1] as two:
        assert said(await one.call_tool("lookup", {"text": "x"})) == "one: x"
        assert said(await two.call_tool("lookup", {"text": "x"})) == "two: x"


async def test_stateful_keeps_the_sessions_of_one_server_apart(connect, stub, said):
    server = stub("stateful")
    async with connect(server) as one, connect(server) as two:
        assert said(await one.call_tool("count", {})) == "1"
        assert said(await one.call_tool("remember", {"key": "k", "value": "v"})) == "remembered k"
        assert said(await one.call_tool("recall", {"key": "k"})) == "v"
        assert said(await one.call_tool("count", {})) == "4"
        assert said(await two.call_tool("recall", {"key": "k"})) == "nothing"
        assert said(await two.call_tool("count", {})) == "2"


async def test_stateful_says_so_where_there_is_no_session(connect, said):
    async with connect("stateful", mode="auto") as client:
        for tool, sent in (
            ("count", {}),
            ("remember", {"key": "k", "value": "v"}),
            ("recall", {"key": "k"}),
        ):
            assert said(await client.call_tool(tool, sent)) == "no session: 2026-07-28 is stateless"


@both_eras
async def test_the_instructions_carry_their_marker(connect, mode):
    async with connect("instructions", mode=mode) as client:
        assert client.instructions == instructions.INSTRUCTIONS
        assert "instructions-marker-7f3a" in client.instructions


async def test_curious_reports_what_is_not_advertised(connect, said):
    async with connect("curious") as client:
        report = json.loads(said(await client.call_tool("probe_client", {})))
    assert report == {
        "ping": "answered",
        "roots": "not advertised",
        "sampling": "not advertised",
        "elicitation": "not advertised",
    }


async def test_curious_reports_answers_and_errors(connect, said):
    async def roots(_):
        return types.ListRootsResult(roots=[])

    async def sampling(_, __):
        return types.ErrorData(code=-1, message="the user said no")

    async def elicitation(_, params):
        return types.ElicitResult(action="accept", content={"name": params.message})

    options = {
        "list_roots_callback": roots,
        "sampling_callback": sampling,
        "elicitation_callback": elicitation,
    }
    async with connect("curious", **options) as client:
        text = said(await client.call_tool("probe_client", {}))
    assert text == (
        '{"elicitation": "answered", "ping": "answered", "roots": "answered", "sampling": "error: the user said no"}'
    )


async def test_curious_waits_only_so_long_for_a_feature_that_was_promised(connect, said, monkeypatch):
    async def never(_, __):
        await anyio.sleep_forever()

    monkeypatch.setattr(curious, "PATIENCE", 0)
    async with connect("curious", elicitation_callback=never) as client:
        report = json.loads(said(await client.call_tool("probe_client", {})))
    assert report["elicitation"] == "error: Request 'elicitation/create' timed out"
    assert report["roots"] == "not advertised"


@pytest.mark.parametrize("name", ["curious", "refuses_discover"])
async def test_a_client_that_discovers_first_falls_back_to_the_handshake(connect, name):
    async with connect(name, mode="auto") as client:
        assert client.protocol_version == "2025-11-25"
        assert (await client.list_tools()).tools


async def test_refuses_discover_answers_minus_32602(stub):
    async with frames(stub("refuses_discover")) as exchange:
        answer = await exchange(DISCOVER)
    assert (answer.id, answer.error.code) == (1, -32602)


async def test_silent_discover_never_answers_it_and_everything_else(stub):
    async with frames(stub("silent_discover")) as exchange:
        await exchange.send(DISCOVER)
        answer = await exchange(INITIALIZE)
        assert (answer.id, answer.result["protocolVersion"]) == (2, "2025-11-25")
        assert (await exchange(PING)).id == 3


@pytest.mark.parametrize("name", ["refuses_discover", "silent_discover"])
async def test_the_older_servers_echo_after_the_handshake(connect, said, name):
    async with connect(name) as client:
        assert said(await client.call_tool("echo", {"text": "x"})) == "x"


async def test_growing_announces_its_change_and_means_it(connect, said):
    heard = []

    async def hear(message):
        heard.append(type(message).__name__)

    async with connect("growing", message_handler=hear) as client:
        assert client.server_capabilities.tools.list_changed is True
        assert await names(client) == ["grow", "seedling"]
        assert said(await client.call_tool("seedling", {"text": "x"})) == "x"
        assert said(await client.call_tool("grow", {})) == "grown"
        assert heard == ["ToolListChangedNotification"]
        assert await names(client) == ["grow", "grown"]
        assert said(await client.call_tool("grown", {"text": "x"})) == "x"
        with pytest.raises(MCPError, match="Unknown tool: seedling"):
            await client.call_tool("seedling", {"text": "x"})


async def test_growing_tells_those_who_listen_in_the_stateless_era(connect, said):
    async with connect("growing", mode="auto") as client:
        assert client.server_capabilities.tools.list_changed is True
        async with client.listen(tools_list_changed=True) as events:
            await client.call_tool("grow", {})
            assert await anext(aiter(events)) == ToolsListChanged()
        assert await names(client) == ["grow", "grown"]


async def names(client):
    return [tool.name for tool in (await client.list_tools()).tools]


DISCOVER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "server/discover",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
PING = {"jsonrpc": "2.0", "id": 3, "method": "ping"}


class frames:  # noqa: N801
    """A server and its raw messages: call it with a request to get the next message it sends."""

    def __init__(self, server):
        self.server = server

    async def __aenter__(self):
        self.streams = create_client_server_memory_streams()
        (self.read, self.write), theirs = await self.streams.__aenter__()
        self.group = anyio.create_task_group()
        await self.group.__aenter__()
        self.group.start_soon(self.server.run, *theirs, self.server.create_initialization_options())
        return self

    async def __aexit__(self, *error):
        self.group.cancel_scope.cancel()
        await self.group.__aexit__(None, None, None)
        await self.streams.__aexit__(None, None, None)

    async def send(self, message):
        await self.write.send(SessionMessage(types.jsonrpc_message_adapter.validate_python(message)))

    async def __call__(self, message):
        await self.send(message)
        return (await self.read.receive()).message
