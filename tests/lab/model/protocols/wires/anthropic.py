"""Anthropic's messages."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from matrix.lab.model.protocols.anthropic import Anthropic
from tests.lab.model.protocols.wires.base import BRIEF, FUNCTION, SCHEMA, URL, Fault, Refusal, Said, Wire

TOOL: dict[str, Any] = {**FUNCTION, "input_schema": SCHEMA}
ASKED: dict[str, Any] = {"model": "claude-test", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


def sdk(http: httpx2.AsyncClient) -> anthropic.AsyncAnthropic:
    """Return Anthropic's SDK on this client."""
    return anthropic.AsyncAnthropic(api_key="k", base_url=URL, http_client=http, max_retries=0)


def use(*ids: str) -> dict[str, Any]:
    """Return an assistant's message that uses a tool under each of these ids."""
    return {"role": "assistant", "content": [{"type": "tool_use", "id": each} for each in ids]}


def result(*ids: str) -> dict[str, Any]:
    """Return a user's message with a result for each of these ids."""
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": each} for each in ids]}


class MessagesWire(Wire):
    protocol = Anthropic()
    path = "/v1/messages"
    model = "claude-test"
    models = (model,)
    ended = ("end_turn", "tool_use")
    flags = (False, True)
    kinds = ("text", "image")
    faults = (
        Fault(429, anthropic.RateLimitError, "rate_limit_error"),
        Fault(500, anthropic.InternalServerError, "api_error"),
        Fault(529, anthropic.APIStatusError, "overloaded_error"),
    )
    refused = (
        Refusal({**ASKED, "model": ""}, "The request has no `model`."),
        Refusal({**ASKED, "messages": []}, "The request's `messages` is no list with anything in it."),
        Refusal(
            {**ASKED, "messages": [use("a", "b"), result("a")]},
            "messages.0: `tool_use` ids were found without `tool_result` blocks immediately after: b. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ),
        Refusal(
            {**ASKED, "messages": [use("a"), {"role": "user", "content": "x"}, use("b"), result("a", "b")]},
            "messages.0: `tool_use` ids were found without `tool_result` blocks immediately after: a. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ),
        Refusal(
            {**ASKED, "messages": [result("z")]},
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: z. Each `tool_result` block "
            "must have a corresponding `tool_use` block in the previous message.",
        ),
        Refusal({**ASKED, "tools": [{"name": "f"}]}, "The tool `f` has no `input_schema`."),
    )
    listed = ("scripted", "claude-test")

    def agent(self, http: httpx2.AsyncClient, model: str) -> Agent[None, str]:
        return Agent(AnthropicModel(model, provider=AnthropicProvider(anthropic_client=sdk(http))), instructions=BRIEF)

    async def ask(self, http: httpx2.AsyncClient) -> Said:
        return _said(await sdk(http).messages.create(**ASKED, system=BRIEF, tools=[TOOL]))

    async def stream(self, http: httpx2.AsyncClient) -> Said:
        async with sdk(http).messages.stream(**ASKED, system=BRIEF, tools=[TOOL]) as events:
            return _said(await events.get_final_message())

    def kind_of_fault(self, error: Any) -> str:
        return error.body["error"]["type"]

    async def count(self, http: httpx2.AsyncClient) -> int:
        return (await sdk(http).messages.count_tokens(model="m", messages=ASKED["messages"])).input_tokens

    async def list(self, http: httpx2.AsyncClient) -> tuple[list[str], str]:
        models = sdk(http).models
        return [each.id async for each in models.list()], (await models.retrieve(self.model)).id


def _said(done: Any) -> Said:
    texts = [block for block in done.content if block.type == "text"]
    calls = [block for block in done.content if block.type == "tool_use"]
    assert done.content == [*texts, *calls]
    used = done.usage
    return Said(
        "".join(block.text for block in texts) or None,
        [(block.id, block.name, block.input) for block in calls],
        done.stop_reason,
        (used.input_tokens, used.output_tokens, used.input_tokens + used.output_tokens),
    )
