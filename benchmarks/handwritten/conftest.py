"""Servers and model of the tests.

Over stdio each test starts the server: that is what stdio is. Over HTTP one server, on a thread, serves all tests of a
process, and so does one scripted model: it is the fastest that these tests can be.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import MCPToolset

from benchmarks.handwritten.scripted import ScriptedModel
from benchmarks.handwritten.server import server

SERVER = Path(__file__).with_name("server.py")


@pytest.fixture
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


@pytest.fixture(params=["stdio", "http"])
def toolset(request: pytest.FixtureRequest) -> MCPToolset:
    """Return the server's tools, over either transport."""
    if request.param == "http":
        return MCPToolset(request.getfixturevalue("url"), init_timeout=60)
    return MCPToolset(StdioTransport(sys.executable, [str(SERVER)], keep_alive=False), init_timeout=60)
