"""What owners bring, from the engine's side: what they can close is closed, and what they leave undone is named."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from matrix.adapters.callable import CallableInstance
from matrix.adapters.command import CommandInstance
from matrix.adapters.control import Control, control
from matrix.capabilities import lifecycle
from matrix.lab.script import call
from matrix.model import Agent, Command, Verdict
from tests.engine.questions import round_trip
from tests.row_helpers import asked, tiny_argv, told

pytestmark = pytest.mark.anyio


class Keeping:
    """An agent whose connections outlive its runs: a task of its own holds each until it is told to let go."""

    def __init__(self) -> None:
        self.held = []
        self.let_go = asyncio.Event()

    async def hold(self, task, answered) -> None:
        async with AsyncExitStack() as stack:
            answered.set_result(await Control(task, stack).run())
            await self.let_go.wait()

    async def __call__(self, task) -> str:
        answered = asyncio.get_running_loop().create_future()
        self.held.append(asyncio.create_task(self.hold(task, answered)))
        return await answered


class Closing(Keeping):
    """The same, with a way to close it."""

    async def aclose(self) -> None:
        self.let_go.set()
        await asyncio.wait(self.held)


class Refusing(Keeping):
    """One whose way to close it fails."""

    def close(self) -> None:
        raise RuntimeError("the pool is gone")


@pytest.mark.parametrize(
    ("agent", "verdict", "reason"),
    [
        (Closing, Verdict.PASSED, ""),
        (
            Keeping,
            Verdict.FAILED,
            (
                "1 of 1 server processes still ran 0.5 s after the run; "
                "an agent that keeps them for its next run has to offer close() or aclose()"
            ),
        ),
        (Refusing, Verdict.FAILED, "closing the agent ended with RuntimeError: the pool is gone"),
    ],
)
async def test_what_outlives_a_run_is_judged_after_it_was_closed(put, monkeypatch, agent, verdict, reason):
    monkeypatch.setattr(lifecycle, "SHUTDOWN_SECONDS", 30.0 if agent is Closing else 0.5)
    cell = await put(lifecycle.shutdown, agent())
    assert cell.told == (verdict, reason)


async def test_an_agent_that_leaves_its_servers_alone_is_told_so(put):
    async def deaf(task):
        return await control(type(task)(task.prompt, {}, task.model))

    cell = await put(round_trip, deaf)
    assert cell.told == (
        Verdict.FAILED,
        "the agent was handed 1 server in task.mcp_servers and connected to none",
    )


async def test_a_factory_that_drops_its_servers_is_told_so(put):
    class Dropped(CallableInstance):
        wiring = "the factory was handed {servers} and attached none"

    async def start(_):
        async def deaf(task):
            return await control(type(task)(task.prompt, {}, task.model))

        return Dropped(deaf)

    cell = await put(round_trip, control, start=start, servers=("echo", "echo"))
    assert cell.told == (Verdict.FAILED, "the factory was handed 1 server and attached none")


async def test_an_agent_that_connected_and_did_not_offer_is_told_what_it_offered(put):
    async def check(cell):
        await cell.ask(call("gone"))

    assert (await put(check, control)).told[1].startswith("the tool gone was not offered to the model")


async def test_a_sentence_that_has_its_mend_is_the_reason_as_it_is(put):
    def create_agent(config):
        return control

    verdict, reason = (await put(round_trip, create_agent)).told
    assert verdict is Verdict.FAILED
    assert reason.startswith("create_agent(config) was called with a task, and returned a function: give config a ")


async def test_the_standard_error_of_a_command_is_in_the_evidence_however_it_ended(put, tmp_path):
    async def start(_):
        return CommandInstance(Command(("sh", "-c", "echo 'Error: docs answered 401' >&2; echo done")), tmp_path)

    cell = await put(round_trip, control, start=start)
    assert cell.told == (
        Verdict.FAILED,
        "the agent asked no model at all; its standard error says: Error: docs answered 401",
    )
    assert cell.evidence["agent"][0]["stderr"] == "Error: docs answered 401\n"


async def test_a_command_that_does_well_may_write_to_standard_error(put, tmp_path):
    argv = ("sh", "-c", 'echo "Error: not really" >&2; exec "$@"', "sh", *tiny_argv())

    async def start(_):
        return CommandInstance(Command(argv), tmp_path)

    cell = await put(round_trip, control, start=start)
    assert cell.told == (Verdict.PASSED, "")
    assert cell.evidence["agent"][0]["stderr"] == "Error: not really\n"


KEYLESS = """\
import os
import sys
from pydantic_ai import Agent

assert sys.argv[1:] == [], "the words of another command line"
agent = Agent("openai-chat:gpt-4.1-mini")

def create_agent():
    assert "of the host" not in os.environ.values(), "a key of the host is seen"
    return Agent("anthropic:claude-sonnet-4-5")

def needs():
    return Agent("openai-chat:gpt-4.1-mini", instructions=os.environ["SHOP_GREETING"])
"""


def test_an_agent_needs_no_key_sees_none_of_the_host_and_is_told_what_else_it_lacks(tmp_path, monkeypatch):
    (tmp_path / "keyless_agents.py").write_text(KEYLESS)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of the host")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    rows = {"module": "agent", "factory": "create_agent", "lacking": "needs", "given": "needs"}
    agents = [
        Agent(
            name,
            "this test",
            target=f"keyless_agents:{attribute}",
            folder=str(tmp_path),
            env={"SHOP_GREETING": "hello"} if name == "given" else {},
        )
        for name, attribute in rows.items()
    ]
    lacking = "the agent could not be made: its factory raised KeyError: 'SHOP_GREETING'; give it a value in `env` of "
    lacking += 'the row: env = { SHOP_GREETING = "…" }'
    assert told(asked(agents)[0]) == {
        "module": (Verdict.PASSED, ""),
        "factory": (Verdict.PASSED, ""),
        "lacking": (Verdict.FAILED, lacking),
        "given": (Verdict.PASSED, ""),
    }
