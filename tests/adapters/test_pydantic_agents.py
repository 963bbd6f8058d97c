"""pydantic-ai agents as owners write them: with deps, and with MCP servers of their own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent, RunContext
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import FunctionToolset

from matrix.adapters.base import Model, Task
from matrix.adapters.factory import Made, made_by
from matrix.adapters.own_servers import treated
from matrix.adapters.pydantic_ai import Declared, start
from matrix.model import OwnServers
from matrix.raised import Explained

pytestmark = pytest.mark.anyio

TASK = Task("hello", {}, Model("openai-chat", "http://127.0.0.1:9/v1", "test", "m"))
NOWHERE = "http://127.0.0.1:9/mcp"


@dataclass
class Deps:
    user: str


def greeter() -> Agent[Deps, str]:
    agent = Agent(TestModel(call_tools=[]), deps_type=Deps)

    @agent.instructions
    def greet(context: RunContext[Deps]) -> str:
        return f"Greet {context.deps.user}."

    return agent


async def instructions(made: Made, declared: Declared) -> str:
    answer = await start(made, {}, declared).ask(TASK)
    return answer.history[0].instructions


@pytest.mark.parametrize("deps", [Deps("ann"), lambda: Deps("ann")])
async def test_a_row_gives_deps_as_a_value_or_a_factory(deps):
    assert await instructions(Made(greeter()), Declared(deps)) == "Greet ann."


async def test_a_factory_of_deps_is_called_for_every_run():
    made = []

    async def fresh() -> Deps:
        made.append(Deps(f"number {len(made)}"))
        return made[-1]

    instance = start(Made(greeter()), {}, Declared(fresh))
    told = [(await instance.ask(TASK)).history[0].instructions for _ in range(2)]
    assert told == ["Greet number 0.", "Greet number 1."]


async def test_a_factory_may_return_the_agent_with_its_deps():
    made = await made_by(lambda: (greeter(), Deps("bob")), {})
    assert await instructions(made, Declared()) == "Greet bob."


async def test_an_agent_that_lacks_its_deps_is_told_so_in_one_sentence():
    with pytest.raises(Explained) as raised:
        await instructions(Made(greeter()), Declared())
    assert str(raised.value) == (
        "AttributeError: 'NoneType' object has no attribute 'user': the agent has deps_type Deps, and its row gives no "
        "deps; name a value, or a factory of one, as `deps` in the row, or let its factory return (agent, deps)"
    )


async def test_an_agent_that_never_looks_at_its_deps_needs_none():
    agent = Agent(TestModel(call_tools=[]), deps_type=Deps)
    assert (await start(Made(agent), {}, Declared()).ask(TASK)).text


def with_own_servers() -> Agent[None, str]:
    own = MCPToolset(NOWHERE, id="weather").prefixed("w")
    return Agent(TestModel(), toolsets=[own], tools=[lambda: "home"])


async def test_a_server_of_the_agents_own_is_left_out_unless_its_row_says_otherwise():
    instance = start(Made(with_own_servers()), {}, Declared())
    assert (await instance.ask(TASK)).text, "its own functions are still there, and nothing was connected to"


async def test_a_server_that_stays_and_is_not_there_is_named():
    instance = start(Made(with_own_servers()), {}, Declared(own_servers=OwnServers.KEEP))
    with pytest.raises(Explained, match=rf"^the agent's own MCP server 'weather' \({NOWHERE}\) cannot be reached: "):
        await instance.ask(TASK)


async def test_a_cells_server_takes_the_place_of_the_agents_own_inside_of_its_prefix():
    def echo() -> str:
        return "echoed"

    attached = [FunctionToolset([echo], id="echo")]
    agent = with_own_servers()
    instead = treated(agent.toolsets, OwnServers.REPLACE, {}, attached)
    model = TestModel()
    with agent.override(toolsets=instead, model=model):
        await agent.run("hello")
    names = [tool.name for tool in model.last_model_request_parameters.function_tools]
    assert names == ["<lambda>", "w_echo"]


async def test_servers_beside_the_agents_own_are_attached_plainly():
    def echo() -> str:
        return "echoed"

    agent, model = with_own_servers(), TestModel()
    with agent.override(toolsets=treated(agent.toolsets, OwnServers.DROP, {}, [FunctionToolset([echo])]), model=model):
        await agent.run("hello")
    assert [tool.name for tool in model.last_model_request_parameters.function_tools] == ["<lambda>", "echo"]


def test_an_agent_without_servers_of_its_own_is_left_as_it_is():
    assert treated(Agent(TestModel()).toolsets, OwnServers.DROP, {}, []) is None


def test_what_a_factory_wired_because_it_was_handed_it_is_not_its_own():
    handed = {"http": {"type": "http", "url": NOWHERE}, "stdio": {"command": "python", "args": ["-m", "it"], "env": {}}}
    wired = [MCPToolset(NOWHERE), MCPToolset(StdioTransport("python", ["-m", "it"]))]
    agent = Agent(TestModel(), toolsets=wired)
    assert treated(agent.toolsets, OwnServers.DROP, handed, []) is None
    assert treated(agent.toolsets, OwnServers.DROP, {}, []) is not None


async def test_a_toolset_that_a_function_makes_for_each_run_is_treated_too():
    agent = Agent(TestModel())

    @agent.toolset
    def own(_: RunContext[None]) -> MCPToolset[None]:
        return MCPToolset(NOWHERE, id="weather")

    assert (await start(Made(agent), {}, Declared()).ask(TASK)).text
    with pytest.raises(Explained, match="own MCP server 'weather'"):
        await start(Made(agent), {}, Declared(own_servers=OwnServers.KEEP)).ask(TASK)
