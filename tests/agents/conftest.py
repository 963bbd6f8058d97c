"""Keys, servers and scripted runs for the tests of the bundled agents."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import respx

from tests.agents.agent_helpers import STDIO_SERVER, Scripted

KEYS = (
    "OPENAI_API_KEY",
    "WHATSAPP_API_KEY",
    "DISCORD_BOT_TOKEN",
    "BLACKPEARL_API_KEY",
    "AIRTABLE_API_KEY",
    "MEETING_BOT_API_KEY",
)


@pytest.fixture(autouse=True)
def dummy_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.setenv(key, "test")
    monkeypatch.setenv("AIRTABLE_BASE_ID", "appLkNDICXNqxSDhG")


@pytest.fixture
def stdio_server(tmp_path: Any) -> dict[str, Any]:
    """Return the entry of a server that runs as a process, in a folder and with a variable of its own."""
    script = tmp_path / "server.py"
    script.write_text(STDIO_SERVER)
    folder = tmp_path / "folder"
    folder.mkdir()
    return {
        "command": sys.executable,
        "args": [str(script)],
        "env": {"DECLARED": "yes"},
        "cwd": str(folder),
    }


Play = Callable[..., Any]


@pytest.fixture
def play() -> Play:
    """Return a function that runs an agent with calls scripted, and returns the model's side of it."""

    async def run(agent: Any, *calls: tuple[str, dict[str, Any]], prompt: Any = "go", deps: Any = None) -> Scripted:
        scripted = Scripted(list(calls))
        result = await agent.run(prompt, model=scripted.model, deps=deps)
        assert result.output == "done"
        return scripted

    return run


@pytest.fixture
def services() -> Callable[..., Any]:
    """Return a function that opens a respx router with an agent's services; any other request fails."""

    @asynccontextmanager
    async def answered(mock: Callable[[respx.MockRouter], None]) -> AsyncIterator[respx.MockRouter]:
        async with respx.mock(assert_all_called=False) as router:
            mock(router)
            yield router

    return answered
