"""How each bundled agent wires the MCP servers that it is handed."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.models.function import FunctionModel

from tests.agents.agent_helpers import Scripted, serve

pytestmark = pytest.mark.anyio

NAMES = ["simple", "discord", "stan", "sofia", "genie"]
NATIVE = ("store_memory", {"key": "tea", "content": "green"})


def build(name: str, **kwargs: Any) -> Any:
    return import_module(f"agents.{name}.agent").create_agent(**kwargs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_a_remote_server_is_reached_by_its_transport_with_its_headers(name: str, kind: str, play: Any) -> None:
    async with serve(kind) as remote:
        scripted = await play(
            build(name, mcp_servers={"paper": remote.spec(kind)}), ("paper_echo", {"text": "hi"}), NATIVE
        )
    assert scripted.shown == ["echo: hi", "Stored under 'tea'."]
    assert remote.requests
    assert {key for _, key in remote.requests} == {"secret"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_process_gets_its_folder_and_only_the_declared_environment(
    name: str, stdio_server: Any, play: Any
) -> None:
    scripted = await play(
        build(name, mcp_servers={"local": stdio_server}),
        ("local_where", {}),
        ("local_echo", {"text": "hi"}),
        NATIVE,
    )
    folder = os.path.realpath(stdio_server["cwd"])  # noqa: ASYNC240 - a string is compared
    assert scripted.shown == [f'["{folder}","yes","-"]', "echo: hi", "Stored under 'tea'."]


@pytest.mark.parametrize("name", NAMES)
async def test_no_process_outlives_the_run(name: str, stdio_server: Any, play: Any) -> None:
    agent = build(name, mcp_servers={"local": stdio_server})
    await play(agent, ("local_echo", {"text": "hi"}))
    assert not [line for line in _command_lines() if stdio_server["args"][0] in line]


@pytest.mark.parametrize("name", NAMES)
async def test_two_servers_with_one_tool_name_are_told_apart(name: str, play: Any) -> None:
    async with serve() as one, serve() as other:
        servers = {"one": one.spec("http"), "other": other.spec("http")}
        scripted = await play(
            build(name, mcp_servers=servers),
            ("one_echo", {"text": "1"}),
            ("other_echo", {"text": "2"}),
        )
    assert scripted.shown == ["echo: 1", "echo: 2"]
    assert {"one_echo", "other_echo", "get_memory"} <= set(scripted.offered)


@pytest.mark.parametrize("name", NAMES)
async def test_runs_at_the_same_time_do_not_disturb_each_other(name: str, play: Any) -> None:
    shown: list[str] = []
    async with serve() as remote:
        agent = build(name, mcp_servers={"paper": remote.spec("http")})

        async def one(number: int) -> None:
            scripted = await play(agent, ("paper_echo", {"text": str(number)}))
            shown.extend(scripted.shown)

        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(one, number)
    assert sorted(shown) == [f"echo: {number}" for number in range(4)]


@pytest.mark.parametrize("name", NAMES)
async def test_an_agent_can_be_used_again_after_its_servers_were_closed(name: str, play: Any) -> None:
    async with serve() as remote:
        agent = build(name, mcp_servers={"paper": remote.spec("http")})
        for _ in range(2):
            assert (await play(agent, ("paper_echo", {"text": "hi"}))).shown == ["echo: hi"]


@pytest.mark.parametrize("name", NAMES)
async def test_the_model_is_shown_a_tool_error_and_the_run_goes_on(name: str, play: Any) -> None:
    async with serve() as remote:
        scripted = await play(build(name, mcp_servers={"paper": remote.spec("http")}), ("paper_broken", {}), NATIVE)
    assert "broken" in scripted.shown[0]
    assert scripted.shown[1] == "Stored under 'tea'."


@pytest.mark.parametrize("name", NAMES)
async def test_only_genie_survives_a_dead_server(name: str, play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.sofia.agent.DELAYS", (0, 0, 0))
    async with serve() as remote:
        dead = {"type": "http", "url": "http://127.0.0.1:9/mcp"}
        agent = build(name, mcp_servers={"dead": dead, "paper": remote.spec("http")})
        if name != "genie":
            with pytest.raises(RuntimeError, match="failed to connect"):
                await play(agent)
            return
        scripted = await play(agent, ("paper_echo", {"text": "hi"}), NATIVE)
    assert scripted.shown == ["echo: hi", "Stored under 'tea'."]


async def test_runs_of_discord_share_no_session(play: Any) -> None:
    """Every run of discord connects anew, while two runs at once of simple share what is open."""
    counts = {}
    for name in ("discord", "simple"):
        async with serve() as remote:
            agent = build(name, mcp_servers={"paper": remote.spec("http")})
            async with agent:
                opened = len(remote.requests)
                await play(agent)
                await play(agent)
                counts[name] = (opened, len(remote.requests) - opened)
    assert counts["discord"][0] == 0
    assert counts["simple"][0] > 0
    assert counts["discord"][1] > counts["simple"][1]


async def test_the_sub_agents_of_stan_work_on_his_own_connection(play: Any) -> None:
    async with serve() as remote:
        agent = build("stan", mcp_servers={"paper": remote.spec("http")})
        scripted = Scripted([("product_agent", {"input_text": "say hi"})])
        specialist = Scripted([("paper_echo", {"text": "hi"})])

        def both(messages: Any, info: Any) -> Any:
            mine = any(tool.name == "product_agent" for tool in info.function_tools)
            return (scripted if mine else specialist).answer(messages, info)

        result = await agent.run("go", model=FunctionModel(both))
        plain = len(remote.requests)
        await play(agent, ("paper_echo", {"text": "hi"}))
        assert plain == len(remote.requests) - plain
    assert specialist.shown == ["echo: hi"]
    assert {"search_products", "get_product", "paper_echo"} <= set(specialist.offered)
    assert scripted.shown == ["done"]
    assert result.usage.requests == 4


def _command_lines() -> list[str]:
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines
