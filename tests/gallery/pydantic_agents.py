"""Agents of pydantic-ai as owners register them; a module that needs a key when it is imported."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI
from pydantic import BaseModel, Field
from pydantic_ai import (
    Agent,
    ModelRetry,
    ModelSettings,
    NativeOutput,
    PromptedOutput,
    RunContext,
    TextOutput,
    ToolOutput,
)
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.adapters.pydantic_ai import attached

MODEL = "openai-chat:gpt-4.1-mini"

keyed = Agent("openai-chat:gpt-4.1", instructions="Be brief.")
"""Its provider looks for a key at once."""
responses = Agent("openai-responses:gpt-4.1-mini")
serial = Agent(MODEL, model_settings=ModelSettings(parallel_tool_calls=False))


class Answer(BaseModel):
    """The answer."""

    text: str
    confidence: float = Field(ge=0, le=1)
    sources: list[str] = Field(default_factory=list)


class Refusal(BaseModel):
    """Why there is no answer."""

    reason: str


native = Agent(MODEL, output_type=NativeOutput(Answer))
tool = Agent(MODEL, output_type=ToolOutput(Answer, name="report"))
prompted = Agent(MODEL, output_type=PromptedOutput([Answer, Refusal]))
union = Agent(MODEL, output_type=[str, Answer, Refusal])


def lettered(text: str) -> list[str]:
    return list(text)


by_function = Agent(MODEL, output_type=TextOutput(lettered))
validated = Agent(MODEL, output_type=Answer, retries=2)


@validated.output_validator
async def insist(context: RunContext[None], output: Answer) -> Answer:
    if context.retry == 0:
        raise ModelRetry("Are you sure? Say it again.")
    return output


@dataclass
class Deps:
    """What a production agent is given."""

    user: str
    notes: list[str]


with_deps = Agent(MODEL, deps_type=Deps)


@with_deps.instructions
def greet(context: RunContext[Deps]) -> str:
    return f"The user is called {context.deps.user}."


@with_deps.tool
async def own_tool(context: RunContext[Deps]) -> str:
    """Return what is known of the user."""
    context.deps.notes.append("asked")
    return f"own answer for {context.deps.user}"


def create_anthropic() -> Agent[None, str]:
    return Agent("anthropic:claude-sonnet-4-5")


def create_google() -> Agent[None, str]:
    return Agent("google:gemini-2.5-flash")


def create_anthropic_typed() -> Agent[None, Answer]:
    return Agent("anthropic:claude-sonnet-4-5", output_type=Answer)


def create_google_typed() -> Agent[None, Answer]:
    return Agent("google:gemini-3-pro-preview", output_type=NativeOutput(Answer))


def make_deps() -> Deps:
    return Deps("Sam", [])


async def create_with_deps() -> tuple[Agent[Deps, str], Deps]:
    return with_deps, make_deps()


def create_fallback() -> Agent[None, str]:
    provider = OpenAIProvider(
        openai_client=AsyncOpenAI(api_key="mine", base_url="https://gateway.example/v1", max_retries=0)
    )
    return Agent(FallbackModel(*(OpenAIChatModel(name, provider=provider) for name in ("first", "second"))))


def recent(messages: list[ModelMessage]) -> list[ModelMessage]:
    """Keep the prompt and the last three messages, and no result without its call."""
    return messages if len(messages) <= 4 else [messages[0], *messages[-2:]]


def create_wired(mcp_servers: Mapping[str, Any]) -> Agent[None, str]:
    toolsets = [each.prefixed("mine") for each in attached(mcp_servers)]
    return Agent(MODEL, toolsets=toolsets)


def create_renamed(mcp_servers: Mapping[str, Any]) -> Agent[None, str]:
    toolsets = [
        each.filtered(lambda _, definition: not definition.name.startswith("secret")) for each in attached(mcp_servers)
    ]
    return Agent(MODEL, toolsets=toolsets)


def create_manager() -> Agent[None, str]:
    helper = Agent(MODEL, instructions="You help.")
    manager = Agent(MODEL)

    @manager.tool_plain
    async def own_tool() -> str:
        """Ask the helper."""
        return f"own answer: {(await helper.run('well?')).output}"

    return manager


def create_blocking_manager() -> Agent[None, str]:
    helper = Agent(MODEL, instructions="You help.")
    manager = Agent(MODEL)

    @manager.tool_plain
    async def own_tool() -> str:
        """Ask the helper."""
        done = await asyncio.get_running_loop().run_in_executor(None, helper.run_sync, "well?")
        return f"own answer: {done.output}"

    return manager


async def streamed(task: Any) -> str:
    agent = Agent(MODEL, toolsets=attached(task.mcp_servers))
    async with agent.run_stream(task.prompt) as result:
        return await result.get_output()


async def stepped(task: Any) -> Any:
    agent = Agent(MODEL, toolsets=attached(task.mcp_servers))
    async with agent.iter(task.prompt) as run:
        async for _ in run:
            pass
    return run.result


async def pieces(task: Any):
    async with Agent(MODEL, toolsets=attached(task.mcp_servers)).run_stream(task.prompt) as result:
        async for each in result.stream_text(delta=True):
            yield each


async def entered(task: Any) -> Any:
    async with Agent(MODEL, toolsets=attached(task.mcp_servers)) as agent:
        return await agent.run(task.prompt, message_history=task.history)


def blocking(task: Any) -> Any:
    return Agent(MODEL, toolsets=attached(task.mcp_servers)).run_sync(task.prompt)


def own_provider(task: Any) -> Any:
    async def run() -> Any:
        client = AsyncOpenAI(base_url=task.model.base_url, api_key=task.model.api_key)
        model = OpenAIChatModel(task.model.name, provider=OpenAIProvider(openai_client=client))
        async with client, Agent(model, toolsets=attached(task.mcp_servers)) as agent:
            return await agent.run(task.prompt)

    return asyncio.run(run())
