"""The harness for Node: the same protocol, an agent in plain Node, a stub over HTTP."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from matrix.adapters.base import Model, Task
from matrix.adapters.harness.instance import AgentRaised, HarnessStarter
from matrix.adapters.harness.process import Lost
from matrix.engine.local import Options
from matrix.model import STATEFUL, Verdict
from matrix.registry.loading import Broken
from matrix.registry.registration import from_mapping
from tests.saboteurs.running import CAPABILITIES, planned, ran
from tests.samples import A_TEST

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on PATH")
HERE = Path(__file__).parent / "node"
ROW = from_mapping({"module": "run.mjs"}, "node", A_TEST, HERE)


@pytest.fixture
def start() -> Iterator[HarnessStarter]:
    """Return what starts the agent's process; it ends with the test."""
    assert ROW.harness is not None
    starter = HarnessStarter(ROW, ROW.harness, None, None)
    yield starter
    if starter._running is not None:
        starter._running.process.end("the test is over")


def task(prompt: str, history: object = None) -> Task:
    return Task(prompt, {}, Model("openai-chat", "http://127.0.0.1:9/v1", "test", "some-model"), history)


@pytest.mark.anyio
async def test_a_module_for_node_answers_fails_remembers_and_ends_as_any_agent(start: HarnessStarter) -> None:
    agent = await start({})
    first = await agent.ask(task("again"))
    again, raised = await asyncio.gather(
        agent.ask(task("again", first.history)), agent.ask(task("fail")), return_exceptions=True
    )
    assert not isinstance(again, BaseException)
    assert (first.text, again.text) == ("0", "1")
    assert isinstance(raised, AgentRaised)
    assert str(raised) == "RangeError: no luck"
    run = asyncio.ensure_future(agent.ask(task("wait")))
    await asyncio.wait({run}, timeout=0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert start.losses == 0
    with pytest.raises(Lost, match=r"^the agent ended its process with exit code 5"):
        await agent.ask(task("die"))
    assert (await (await start({})).ask(task("again"))).text == "0"


def test_an_agent_in_plain_node_makes_a_round_trip_and_many_at_once() -> None:
    chosen = [CAPABILITIES[each] for each in ("invoke.round-trip", "concurrency.many-runs")]
    outcomes = ran(
        planned([ROW], chosen, lambda cell: (cell.transport, cell.revision) == ("http", STATEFUL)), Options()
    )
    found = {each.cell.capability: (each.verdict, each.reason) for each in outcomes}
    assert found == {each.id: (Verdict.PASSED, "") for each in chosen}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import 'no-such-package';", "Cannot find package 'no-such-package'"),
        ("export const run = 7;", "agent.mjs has no function to run; export one as default, or as run"),
        ("throw new Error('no licence');", "agent.mjs cannot be imported: Error: no licence; "),
        ("process.exit(3);", "agent.mjs cannot be loaded: the agent ended its process with exit code 3"),
    ],
)
def test_a_module_that_is_no_agent_is_told_with_its_cause(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "agent.mjs").write_text(text)
    row = from_mapping({"module": "agent.mjs"}, "node", A_TEST, tmp_path)
    assert row.harness is not None
    with pytest.raises(Broken) as broken:
        HarnessStarter(row, row.harness, None, None).load()
    assert told in str(broken.value)
