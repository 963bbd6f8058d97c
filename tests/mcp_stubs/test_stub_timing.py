"""The stubs whose point is when they answer."""

import math

import anyio
import anyio.lowlevel
import httpx
import pytest

from mcp_stubs import assembly, slow
from mcp_stubs._room import Room

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("mode", ["legacy", "auto"])]


@pytest.fixture(autouse=True)
def endless_patience(monkeypatch):
    """No test here depends on how fast the machine is."""
    for stub in (slow, assembly):
        monkeypatch.setattr(stub, "PATIENCE", math.inf)


async def test_a_party_meets_across_two_servers_of_one_room(connect, said, mode):
    room, answers = Room(), []
    clients = [connect(stub, mode=mode, room=room) for stub in ("rendezvous", "reunion")]

    async def meet(client, tool, token):
        answers.append(said(await client.call_tool(tool, {"party": 2, "token": token})))

    async with clients[0] as one, clients[1] as two, anyio.create_task_group() as group:
        group.start_soon(meet, one, "meet", "a")
        group.start_soon(meet, two, "join", "b")
    assert sorted(answers) == ["met a", "met b"]


async def test_wait_returns_once_the_gate_is_open(connect, said, mode):
    order = []
    async with connect("slow", mode=mode) as client:

        async def wait():
            order.append(said(await client.call_tool("wait", {"gate": "g"})))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            assert said(await client.call_tool("open", {"gate": "other"})) == "opened other"
            assert order == []
            assert said(await client.call_tool("open", {"gate": "g"})) == "opened g"
    assert order == ["through g"]


async def test_a_gate_can_be_opened_by_anybody_in_the_room(connect, said, mode):
    room = Room()
    room.event("g").set()
    async with connect("slow", mode=mode, room=room) as client:
        assert said(await client.call_tool("wait", {"gate": "g"})) == "through g"


async def test_silent_leaves_a_call_unanswered_and_the_others_alone(connect, said, mode):
    async with connect("slow", mode=mode) as client, anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "silent", {})
        await anyio.lowlevel.checkpoint()
        assert said(await client.call_tool("open", {"gate": "g"})) == "opened g"
        group.cancel_scope.cancel()


@pytest.mark.parametrize("of", [1, 2, 5])
async def test_the_turnstile_answers_in_the_reverse_order_of_arrival(connect, said, mode, of):
    async with connect("slow", mode=mode) as client:
        for _ in range(2):
            answers = []

            async def enter(token, answers=answers):
                answers.append(said(await client.call_tool("turnstile", {"token": token, "of": of})))

            async with anyio.create_task_group() as group:
                for token in range(of):
                    group.start_soon(enter, str(token))
            assert answers == [str(token) for token in reversed(range(of))]


async def test_the_assembly_waits_for_nobody_who_is_known_not_to_come(connect, said, mode):
    room, answers = Room(), {}
    async with connect("assembly", mode=mode, room=room) as client:

        async def come(token):
            answers[token] = said(await client.call_tool("gather", {"token": token, "of": 4}))

        async with anyio.create_task_group() as group:
            for token in ("a", "b"):
                group.start_soon(come, token)
            while len(room.facts.get("assembly", assembly._Assembly()).here) < 2:
                await anyio.lowlevel.checkpoint()
            room.excuse("dead before it came")
            await anyio.lowlevel.checkpoint()
            assert answers == {}
            room.excuse("never")
    assert answers == {"a": "a: with 1 others", "b": "b: with 1 others"}


async def test_the_assembly_lets_a_lone_caller_through_in_the_end(connect, said, mode, monkeypatch):
    monkeypatch.setattr(assembly, "PATIENCE", 0)
    async with connect("assembly", mode=mode) as client:
        assert said(await client.call_tool("gather", {"token": "a", "of": 2})) == "a: alone"


async def test_the_turnstile_lets_a_lone_caller_through_in_the_end(connect, said, mode, monkeypatch):
    monkeypatch.setattr(slow, "PATIENCE", 0)
    async with connect("slow", mode=mode) as client:
        for token in ("a", "b"):
            assert said(await client.call_tool("turnstile", {"token": token, "of": 2})) == token


async def test_a_caller_who_gives_up_does_not_count_for_the_turnstile(connect, said, mode):
    answers = []
    async with connect("slow", mode=mode) as client:

        async def enter(token):
            answers.append(said(await client.call_tool("turnstile", {"token": token, "of": 2})))

        async with anyio.create_task_group() as group:
            group.start_soon(enter, "gone")
            await client.call_tool("open", {"gate": "the first one is inside by now"})
            group.cancel_scope.cancel()
        async with anyio.create_task_group() as group:
            group.start_soon(enter, "one")
            group.start_soon(enter, "two")
    assert answers == ["two", "one"]


async def test_over_http_the_later_response_is_whole_before_the_earlier_begins(stub, mode):
    """Read off the ASGI messages, so that no client and no socket can blur the order."""
    server, events = stub("slow"), []
    app = slow.http(server.streamable_http_app())

    async def recorded(scope, receive, send):
        """Note what is sent in response to the request that has this token in its headers."""
        token = dict(scope["headers"]).get(b"x-token", b"").decode()

        async def note(message):
            if token and message["type"] == "http.response.body":
                events.append((token, "part" if message.get("more_body") else "end"))
            await send(message)

        await app(scope, receive, note)

    transport = httpx.ASGITransport(app=recorded)
    async with (
        server.session_manager.run(),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as client,
    ):
        headers, meta = await open_session(client, mode)

        async def enter(token):
            params = {"name": "turnstile", "arguments": {"token": token, "of": 3}, **meta}
            call = {"jsonrpc": "2.0", "id": f"call-{token}", "method": "tools/call", "params": params}
            answer = await client.post("/mcp", json=call, headers=headers | {"X-Token": token})
            assert f'"text":"{token}"' in answer.text

        async with anyio.create_task_group() as group:
            for token in "abc":
                group.start_soon(enter, token)
    assert [token for token, part in events if part == "end"] == ["c", "b", "a"]
    assert [token for token, _ in events] == sorted((token for token, _ in events), reverse=True)


async def open_session(client, mode):
    """Return the headers, and the `_meta`, that a call of this era needs over HTTP."""
    headers = {"Accept": "application/json, text/event-stream"}
    if mode == "auto":
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        names = {"Mcp-Method": "tools/call", "Mcp-Name": "turnstile"}
        return headers | names | {"MCP-Protocol-Version": "2026-07-28"}, {"_meta": meta}
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    answer = await client.post("/mcp", json=request, headers=headers)
    session = {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
    await client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers | session)
    return headers | session, {}
