"""Servers and model of the tests.

Over stdio each test starts the server, and over either transport it connects: whether an agent can connect is what the
tests are about. Over HTTP one server, on a thread, serves all tests of a process, and so does one scripted model. With
KEEP=1 also the connections are kept for all tests of a process, and with them the server of stdio: that is faster, and
asks less (nothing after the first test connects, and what one test does to a session the next one meets).
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import MCPToolset

from benchmarks.handwritten.scripted import ScriptedModel
from benchmarks.handwritten.server import server

SERVER = Path(__file__).with_name("server.py")
KEEP = "KEEP" in os.environ


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def scripted() -> ScriptedModel:
    """Return the model of all tests of this process."""
    return ScriptedModel()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Serve over HTTP for as long as the tests of this process last."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(server.streamable_http_app(), log_level="critical")
        serving = uvicorn.Server(config)
        thread = threading.Thread(target=serving.run, args=([listening],), daemon=True)
        thread.start()
        while not serving.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        serving.should_exit = True
        thread.join(5)


def stdio() -> MCPToolset:
    """Return the server's tools, over stdio."""
    return MCPToolset(StdioTransport(sys.executable, [str(SERVER)], keep_alive=False), init_timeout=60)


@pytest.fixture(scope="session")
async def kept_stdio() -> AsyncIterator[MCPToolset]:
    """Return a connection over stdio that stays."""
    async with stdio() as toolset:
        yield toolset


@pytest.fixture(scope="session")
async def kept_http(url: str) -> AsyncIterator[MCPToolset]:
    """Return a connection over HTTP that stays."""
    async with MCPToolset(url, init_timeout=60) as toolset:
        yield toolset


@pytest.fixture(params=["stdio", "http"])
def toolset(request: pytest.FixtureRequest) -> MCPToolset:
    """Return the server's tools, over either transport."""
    if KEEP:
        return request.getfixturevalue(f"kept_{request.param}")
    return MCPToolset(request.getfixturevalue("url"), init_timeout=60) if request.param == "http" else stdio()
