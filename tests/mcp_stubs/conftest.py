"""What the tests of the stubs share: a client connected to one of them, in memory or to its process."""

from __future__ import annotations

import importlib
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.shared.memory import create_client_server_memory_streams

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def over_streams(server):
    """Serve one connection as a lab does over a socket: every message is JSON-RPC."""
    streams = create_client_server_memory_streams()
    async with streams as (client_streams, server_streams), anyio.create_task_group() as group:
        group.start_soon(server.run, *server_streams, server.create_initialization_options())
        yield client_streams
        group.cancel_scope.cancel()


@pytest.fixture
def stub():
    """Return a function: the server of the stub of this name."""
    from mcp_stubs._room import Room

    def create(stub_name, name=None, room=None):
        module = importlib.import_module(f"mcp_stubs.{stub_name}")
        return module.create(name or stub_name, room or Room())

    return create


@pytest.fixture
def connect(stub):
    """Return a function: a client of the stub of this name, or of this server. Not entered yet."""

    def client(server, *, mode="legacy", name=None, room=None, **options):
        if isinstance(server, str):
            server = stub(server, name, room)
        return Client(over_streams(server), mode=mode, **options)

    return client


@pytest.fixture
def said():
    """Return a function: the texts of a result, joined."""

    def texts(result):
        return "".join(block.text for block in result.content if block.type == "text")

    return texts


@pytest.fixture
def listening():
    """Return a function: the stub in a process of its own, over this transport; gives process and URL."""

    @contextmanager
    def start(stub_name, transport):
        argv = [sys.executable, "-m", f"mcp_stubs.{stub_name}", "--transport", transport]
        with subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process, process.stderr.readline().strip()
            finally:
                process.kill()

    return start


@pytest.fixture
def root():
    """Return the folder that has `mcp_stubs` in it."""
    return ROOT
