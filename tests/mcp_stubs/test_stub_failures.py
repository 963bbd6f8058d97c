"""The stubs that fail: a call, the whole server, or only the stream of diagnostics."""

import io

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.shared.memory import create_client_server_memory_streams

from mcp_stubs._room import Died, Room
from mcp_stubs._stub import STDERR

pytestmark = pytest.mark.anyio


@pytest.fixture
def stderr():
    """Return what stands for stderr during this test."""
    stream = io.StringIO()
    token = STDERR.set(stream)
    yield stream
    STDERR.reset(token)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_errors_has_both_ways_to_fail_and_goes_on(connect, said, mode):
    async with connect("errors", mode=mode) as client:
        result = await client.call_tool("fail", {"message": "no such row"})
        assert (result.is_error, said(result)) == (True, "no such row")
        with pytest.raises(MCPError, match=r"^no entry$") as caught:
            await client.call_tool("refuse", {"message": "no entry"})
        assert caught.value.code == -32603
        result = await client.call_tool("echo", {"text": "alive"})
        assert (result.is_error, said(result)) == (False, "alive")


def test_dying_says_why_and_exits_three(stub, stderr):
    with pytest.raises(SystemExit) as caught:
        stub("dying")
    assert caught.value.code == 3
    assert stderr.getvalue() == "dying: cannot start: no such database\n"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_mortal_dies_in_the_middle_of_the_call(stub, said, mode):
    """The server's task ends with `Died`, the room knows, and the client sees its connection end."""
    room, deaths = Room(), []
    server = stub("mortal", room=room)
    async with create_client_server_memory_streams() as (client_streams, server_streams):

        async def serve():
            try:
                await server.run(*server_streams, server.create_initialization_options())
            except* Died as group:
                deaths.append(group)

        class Streams:
            async def __aenter__(self):
                return client_streams

            async def __aexit__(self, *_):
                return None

        async with anyio.create_task_group() as group:
            group.start_soon(serve)
            async with Client(Streams(), mode=mode) as client:
                assert said(await client.call_tool("survive", {"text": "alive"})) == "alive"
                assert room.facts == {}
                with pytest.raises(MCPError, match="Connection closed"):
                    await client.call_tool("die", {})
    assert len(deaths) == 1
    assert room.facts == {"died": True}
    assert room.event("died").is_set()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_noisy_floods_stderr_before_every_answer(connect, said, stderr, mode):
    async with connect("noisy", mode=mode) as client:
        for times in (1, 2):
            assert said(await client.call_tool("echo", {"text": "x"})) == "x"
            assert len(stderr.getvalue()) == times * 256 * 1024
