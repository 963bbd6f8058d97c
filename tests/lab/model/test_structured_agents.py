"""Whole pydantic-ai agents with a structured output end as their output type says, in every protocol."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.script import call
from tests.lab.model.test_conversation_ways import model, ran

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tap")]


class Step(BaseModel):
    what: str
    minutes: float | None = None


class Report(BaseModel):
    summary: str
    steps: list[Step]
    good: bool


class Other(BaseModel):
    nothing: int


OUTPUTS = {
    "plain": Report,
    "one-of-two": [Report, Other],
    "tool": ToolOutput(Report, name="tell"),
    "native": NativeOutput(Report),
    "prompted": PromptedOutput(Report),
}

# The library knows by the name whether a model can be held to a schema.
MODELS = {"anthropic": AnthropicModel("claude-opus-4-8", provider=AnthropicProvider(api_key="test"))}


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
@pytest.mark.parametrize("kind", sorted(OUTPUTS))
async def test_the_run_plays_the_script_and_ends_with_an_output_of_its_type(converse, protocol, kind):
    conversation = converse(call("add", a=1, b=2))
    agent = Agent(MODELS.get(protocol) or model(protocol), output_type=OUTPUTS[kind])

    @agent.tool_plain
    def add(a: int, b: int) -> str:
        """Add two numbers. [mcp:srv/add]"""
        return f"sum {a + b}"

    output = await ran(agent, conversation)
    assert isinstance(output, Report)
    assert "done" in output.summary
    assert [each.text for each in conversation.trace.model[1].shown] == ["sum 3"]
    assert len(conversation.trace.model) == 2
    assert not conversation.trace.notes
