"""OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.lab.model.protocols.openai_chat import OpenAIChat
from tests.lab.model.protocols.wires.base import BRIEF, FUNCTION, SCHEMA, URL, Fault, Refusal, Said, Wire

TOOL: dict[str, Any] = {"type": "function", "function": {**FUNCTION, "parameters": SCHEMA}}
MESSAGES: list[Any] = [{"role": "system", "content": BRIEF}, {"role": "user", "content": "hi"}]
CALL = {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b"}]}
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)
FAULTS = (Fault(429, openai.RateLimitError, "requests"), Fault(500, openai.InternalServerError, "server_error"))


def sdk(http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    """Return OpenAI's SDK on this client."""
    return openai.AsyncOpenAI(api_key="k", base_url=f"{URL}/v1", http_client=http, max_retries=0)


class ChatWire(Wire):
    protocol = OpenAIChat()
    path = "/v1/chat/completions"
    model = "gpt-test"
    models = (model,)
    ended = ("stop", "tool_calls")
    flags = (None, None)
    kinds = ()
    faults = FAULTS
    refused = (
        Refusal({"messages": [{"role": "user"}]}, "The request has no `model`."),
        Refusal({"model": "m"}, "The request's `messages` is no list with anything in it."),
        Refusal(
            {"model": "m", "messages": [CALL, {"role": "tool", "tool_call_id": "a"}]},
            UNANSWERED + "b",
        ),
        Refusal(
            {"model": "m", "messages": [CALL, {"role": "user", "content": "x"}]},
            UNANSWERED + "a, b",
        ),
        Refusal(
            {"model": "m", "messages": [{"role": "tool", "tool_call_id": "z"}]},
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
        ),
        Refusal(
            {"model": "m", "messages": [{"role": "user"}], "tools": [{"type": "function", "function": {"x": 1}}]},
            "The request has no `name`.",
        ),
    )
    counts = False
    listed = ("scripted", "gpt-test")

    def agent(self, http: httpx2.AsyncClient, model: str) -> Agent[None, str]:
        return Agent(OpenAIChatModel(model, provider=OpenAIProvider(openai_client=sdk(http))), instructions=BRIEF)

    async def ask(self, http: httpx2.AsyncClient) -> Said:
        return _said(await sdk(http).chat.completions.create(model=self.model, messages=MESSAGES, tools=[TOOL]))

    async def stream(self, http: httpx2.AsyncClient) -> Said:
        options = {"include_usage": True}
        chat = sdk(http).chat.completions
        async with chat.stream(model=self.model, messages=MESSAGES, tools=[TOOL], stream_options=options) as events:
            return _said(await events.get_final_completion())

    def kind_of_fault(self, error: Any) -> str:
        return error.body["type"]

    async def list(self, http: httpx2.AsyncClient) -> tuple[list[str], str]:
        models = sdk(http).models
        return [each.id async for each in models.list()], (await models.retrieve(self.model)).id


def _said(done: Any) -> Said:
    (choice,) = done.choices
    calls = choice.message.tool_calls or []
    return Said(
        choice.message.content,
        [(each.id, each.function.name, json.loads(each.function.arguments)) for each in calls],
        choice.finish_reason,
        (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens),
    )
