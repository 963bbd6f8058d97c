"""sofia: 31 variables, Airtable, and her patience with MCP servers."""

import json
import logging
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import anyio
import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from pydantic_ai import FunctionToolset, ModelResponse, ModelRetry, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from agents.sofia import prompts
from agents.sofia.agent import SofiaDeps, create_agent
from agents.sofia.patience import CALLS_AT_ONCE, DELAYS, PatientToolset, is_connection_failure
from agents.sofia.services import mock
from tests.agents.agent_helpers import Scripted, serve

pytestmark = pytest.mark.anyio


def test_the_template_has_31_variables_and_each_is_filled_in() -> None:
    fields = [name for _, name, _, _ in string.Formatter().parse(prompts.TEMPLATE) if name]
    assert len(fields) == 31
    assert sorted(fields) == sorted(prompts.VARIABLES)
    text = prompts.render(lambda name: f"<{name}>")
    assert all(f"<{name}>" in text for name in prompts.VARIABLES)


async def test_a_variable_comes_from_the_caller_or_from_memory(play: Any) -> None:
    agent = create_agent()
    await play(agent, ("store_memory", {"key": "project_goal", "content": "a deeper harbour"}))
    deps = SofiaDeps(variables={"project_name": "Harbour", "project_goal": "a wider harbour"})
    assert "Goal: a deeper harbour" in (await play(agent)).instructions
    given = (await play(agent, deps=deps)).instructions
    assert "Name: Harbour" in given
    assert "Goal: a wider harbour" in given
    assert f"Risks: {prompts.UNKNOWN}" in given


async def test_a_meeting_elsewhere_is_not_joined(play: Any, services: Any) -> None:
    async with services(mock) as router:
        scripted = await play(
            create_agent(),
            ("join_meeting_tool", {"meeting_url": "https://meet.google.com.example.com/a"}),
            ("join_meeting_tool", {"meeting_url": "https://us02web.zoom.us/j/1", "service": "zoom"}),
        )
        assert len(router.calls) == 1
    assert "is no address of a meeting" in scripted.shown[0]
    assert "joining at https://us02web.zoom.us/j/1" in scripted.shown[1]


async def test_the_airtable_agent_reads_every_page_and_writes(services: Any) -> None:
    sofia = Scripted([("airtable_agent", {"input_text": "tidy up"})])
    done = {"table": "Tasks", "fields": {"Status": "Done"}}
    specialist = Scripted(
        [
            ("list_bases", {}),
            ("list_tables", {}),
            ("list_records", {"table": "Tasks", "formula": "{Status}='Doing'"}),
            ("create_record", {"table": "Tasks", "fields": {"Name": "Paint"}}),
            ("update_record", {**done, "record_id": "rec560UJdUtocSouk"}),
            ("update_record", {**done, "record_id": "recNobody"}),
        ]
    )

    def both(messages: Any, info: Any) -> Any:
        is_sofia = any(tool.name == "airtable_agent" for tool in info.function_tools)
        return (sofia if is_sofia else specialist).answer(messages, info)

    async with services(mock):
        result = await create_agent().run("go", model=FunctionModel(both))
    bases, tables, records, created, updated, missing = specialist.shown
    assert "Harbour project" in bases
    assert json.loads(tables)[0]["fields"] == ["Name", "Status"]
    assert [each["fields"]["Name"] for each in json.loads(records)["records"]] == ["Dredging", "Lighting"]
    assert json.loads(created)["fields"] == {"Name": "Paint"}
    assert json.loads(updated)["fields"] == {"Name": "Dredging", "Status": "Done"}
    assert "404" in missing
    assert result.usage.requests == 9


class Door(FunctionToolset[Any]):
    """A toolset that fails to open with each of these errors in turn, and then opens."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__([self.shout])
        self.failures = list(failures)
        self.opened = 0
        self.calls = 0

    async def shout(self) -> str:
        """Shout."""
        self.calls += 1
        raise ModelRetry("connection refused")

    async def __aenter__(self) -> Self:
        self.opened += 1
        if self.failures:
            raise self.failures.pop(0)
        return self


def refused() -> Exception:
    error = RuntimeError("Client failed to connect: refused")
    error.__cause__ = httpx2.ConnectError("refused")
    return error


async def test_a_refused_connection_is_tried_three_times_more() -> None:
    assert DELAYS == (1.0, 2.0, 4.0)
    door = Door(refused(), MCPError(code=-32000, message="Connection closed"), refused())
    async with PatientToolset(door, (0, 0, 0)):
        assert door.opened == 4


async def test_the_fourth_failure_is_the_last() -> None:
    door = Door(*(refused() for _ in range(5)))
    with pytest.raises(RuntimeError, match="refused"):
        async with PatientToolset(door, (0, 0, 0)):
            pass
    assert door.opened == 4


@pytest.mark.parametrize(
    "answer",
    [MCPError(code=-32603, message="Server returned an error response"), TimeoutError(), ValueError("no")],
)
async def test_a_server_that_answers_is_not_asked_again(answer: Exception) -> None:
    door = Door(answer)
    with pytest.raises(type(answer)):
        async with PatientToolset(door, (0, 0, 0)):
            pass
    assert door.opened == 1


def test_a_failure_is_found_inside_a_group() -> None:
    assert is_connection_failure(ExceptionGroup("several", [ValueError(), ConnectionResetError()]))
    assert not is_connection_failure(ExceptionGroup("several", [ValueError()]))


async def test_a_tool_call_is_never_sent_again_by_the_toolset(play: Any) -> None:
    door = Door()
    agent = create_agent()
    scripted = Scripted([("shout", {})])
    await agent.run("go", model=scripted.model, toolsets=[PatientToolset(door, (0, 0, 0))])
    assert door.calls == 1
    assert door.opened == 1


async def test_a_server_that_comes_up_late_is_found(
    play: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with late_server() as (url, open_it):

        class Opening(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                open_it()

        monkeypatch.setattr("agents.sofia.agent.DELAYS", (0.1, 0.1, 0.1))
        logger = logging.getLogger("agents.sofia.patience")
        opening = Opening()
        logger.addHandler(opening)
        try:
            agent = create_agent(mcp_servers={"late": {"type": "http", "url": url}})
            scripted = await play(agent, ("late_echo", {"text": "hi"}))
        finally:
            logger.removeHandler(opening)
    assert scripted.shown == ["echo: hi"]
    assert "did not open" in caplog.text


@asynccontextmanager
async def late_server() -> AsyncIterator[Any]:
    """Yield an address that hangs up on everyone until it is opened, and the way to open it."""
    is_open = anyio.Event()
    async with serve() as remote, await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = int(remote.url.removesuffix("/mcp").rpartition(":")[2])

        async def guest(stream: Any) -> None:
            if not is_open.is_set():
                await stream.aclose()
                return
            async with (
                stream,
                await anyio.connect_tcp("127.0.0.1", port) as inside,
                anyio.create_task_group() as both,
            ):
                both.start_soon(carry, stream, inside)
                both.start_soon(carry, inside, stream)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, guest)
            outside = listener.extra(anyio.abc.SocketAttribute.local_port)
            yield f"http://127.0.0.1:{outside}/mcp", is_open.set
            tasks.cancel_scope.cancel()


async def carry(source: Any, target: Any) -> None:
    """Carry bytes from one stream to the other until either ends."""
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for chunk in source:
            await target.send(chunk)
    await target.aclose()


async def test_all_sofias_together_make_fifteen_calls_at_a_time() -> None:
    async with serve() as remote, anyio.create_task_group() as tasks:
        servers = {"paper": remote.spec("http")}
        agents = [create_agent(mcp_servers=servers) for _ in range(2)]
        for agent in agents:
            tasks.start_soon(crowd, agent)
    assert remote.most_together == CALLS_AT_ONCE == 15


async def crowd(agent: Any) -> None:
    """Have the agent make twelve calls in one turn."""

    def answer(messages: Any, info: Any) -> Any:
        if len(messages) > 1:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("paper_crowd", {}) for _ in range(12)])

    await agent.run("go", model=FunctionModel(answer))
