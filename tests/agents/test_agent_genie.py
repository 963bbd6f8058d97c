"""genie: the budget, the plan, and the work that is really handed on."""

import logging
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import ModelResponse, RequestUsage, RunUsage, TextPart
from pydantic_ai.models.function import FunctionModel

from agents.genie.agent import create_agent
from agents.genie.budget import limits, parse
from agents.genie.services import mock
from tests.agents.agent_helpers import Scripted, serve

pytestmark = pytest.mark.anyio

MARKS = {
    "simple": "helpful general assistant",
    "discord": "Discord bot",
    "stan": "You are Stan",
    "sofia": "You are Sofia",
}


def two_models(genie: Scripted, delegate: Scripted) -> FunctionModel:
    def answer(messages: Any, info: Any) -> Any:
        is_genie = any(tool.name == "write_plan" for tool in info.function_tools)
        return (genie if is_genie else delegate).answer(messages, info)

    return FunctionModel(answer)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("do it for $20", "20"),
        ("at most $12.50, please", "12.50"),
        ("$1,500 or $3", "1500"),
        ("$ 7", "7"),
        ("$0", "0"),
        ("for 20 dollars", None),
        ("US$ and $x", None),
    ],
)
def test_the_budget_is_the_first_sum_in_the_request(text: str, budget: str | None) -> None:
    assert parse(text) == (None if budget is None else Decimal(budget))


async def test_the_prompt_names_the_budget_or_fifty_dollars(play: Any) -> None:
    assert "this request is $50.00" in (await play(create_agent(), prompt="ship it")).instructions
    assert "this request is $20.00" in (await play(create_agent(), prompt="ship it for $20")).instructions
    parts = ["ship it", "for $8"]
    assert "this request is $8.00" in (await play(create_agent(), prompt=parts)).instructions


async def test_a_conversation_keeps_its_budget() -> None:
    agent, scripted = create_agent(), Scripted([])
    first = await agent.run("ship it for $20", model=Scripted([]).model)
    await agent.run("go on", model=scripted.model, message_history=first.all_messages())
    assert "this request is $20.00" in scripted.instructions


async def test_a_plan_beyond_the_budget_is_sent_back(play: Any) -> None:
    steps = [{"agent": "stan", "task": "sell", "dollars": 15}, {"agent": "sofia", "task": "note it"}]
    agent = create_agent()
    scripted = await play(
        agent,
        ("write_plan", {"steps": [*steps, {"agent": "simple", "task": "cheer", "dollars": 6}]}),
        ("write_plan", {"steps": steps}),
        ("write_plan", {"steps": [{"agent": "nobody", "task": "x"}]}),
        prompt="all for $20",
    )
    assert "$21.00" in scripted.shown[0]
    assert "$20.00" in scripted.shown[0]
    assert scripted.shown[1] == "1. stan: sell ($15.00)\n2. sofia: note it ($0.00)\n$15.00 of $20.00."
    assert "Input should be 'simple'" in scripted.shown[2]
    assert "plan/" in (await play(agent, ("list_memories", {"prefix": "plan/"}))).shown[0]


@pytest.mark.parametrize("name", MARKS)
async def test_a_task_is_handed_to_the_real_agent_with_the_same_servers(name: str) -> None:
    genie = Scripted([(f"ask_{name}", {"task": "say hi"})])
    delegate = Scripted([("paper_echo", {"text": "hi"}), ("get_memory", {"key": "x"})])
    async with serve() as remote:
        agent = create_agent(mcp_servers={"paper": remote.spec("http")})
        result = await agent.run("go", model=two_models(genie, delegate))
    assert MARKS[name] in delegate.instructions
    assert delegate.shown == ["echo: hi", "Nothing is stored under 'x'."]
    assert genie.shown == ["done"]
    assert result.usage.requests == 5


async def test_a_delegate_does_its_own_work(services: Any) -> None:
    genie = Scripted([("ask_discord", {"task": "which guilds?"})])
    delegate = Scripted([("list_guilds", {})])
    async with services(mock):
        await create_agent().run("go", model=two_models(genie, delegate))
    assert "Discord Testers" in delegate.shown[0]


async def test_a_delegate_that_fails_is_a_failed_step(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "agents.genie")
    genie = Scripted([("ask_simple", {"task": "x"}), ("store_memory", {"key": "a", "content": "b"})])
    dead = {"dead": {"type": "http", "url": "http://127.0.0.1:9/mcp"}}
    result = await create_agent(mcp_servers=dead).run("go", model=two_models(genie, Scripted([])))
    assert "simple failed: Client failed to connect" in genie.shown[0]
    assert result.output == "done"


async def test_nothing_is_delegated_once_the_budget_is_spent() -> None:
    delegate = Scripted([])
    spent = RunUsage(requests=1, cost=Decimal("0.50"))
    genie = Scripted([("ask_simple", {"task": "x"})])
    await create_agent().run("for $0.40", model=two_models(genie, delegate), usage=spent)
    assert "The budget of $0.40 is spent" in genie.shown[0]
    assert not delegate.offered


async def test_a_delegate_is_stopped_at_the_budget() -> None:
    genie = Scripted([("ask_simple", {"task": "x"})])

    def answer(messages: Any, info: Any) -> Any:
        if any(tool.name == "write_plan" for tool in info.function_tools):
            return genie.answer(messages, info)
        return ModelResponse(parts=[TextPart("dear")], usage=RequestUsage(cost=Decimal(9)))

    await create_agent().run("for $1", model=FunctionModel(answer), usage=RunUsage(cost=Decimal("0.5")))
    assert "simple was stopped" in genie.shown[0]


def test_without_a_price_there_is_no_limit_in_dollars() -> None:
    assert limits(Decimal(5), RunUsage()).cost_limit is None
    assert limits(Decimal(5), RunUsage(cost=Decimal(1))).cost_limit == 5
