"""OpenAI's responses."""

from __future__ import annotations

import json
from typing import Any

import httpx2
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.lab.model.protocols.openai_responses import OpenAIResponses
from tests.lab.model.protocols.wires.base import BRIEF, FUNCTION, SCHEMA, Refusal, Said, Wire
from tests.lab.model.protocols.wires.openai_chat import FAULTS, sdk

TOOL: dict[str, Any] = {"type": "function", **FUNCTION, "parameters": SCHEMA, "strict": False}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "x"}
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}


class ResponsesWire(Wire):
    protocol = OpenAIResponses()
    path = "/v1/responses"
    model = "gpt-test"
    models = (model,)
    ended = ("completed", "completed")
    flags = (None, None)
    kinds = ("input_text", "input_image")
    faults = FAULTS
    refused = (
        Refusal({"input": "x"}, "The request has no `model`."),
        Refusal({"model": "m", "input": [CALL]}, "No tool output found for function call a."),
        Refusal({"model": "m", "input": [OUTPUT]}, "No tool call found for function call output with call_id a."),
    )

    def agent(self, http: httpx2.AsyncClient, model: str) -> Agent[None, str]:
        return Agent(OpenAIResponsesModel(model, provider=OpenAIProvider(openai_client=sdk(http))), instructions=BRIEF)

    async def ask(self, http: httpx2.AsyncClient) -> Said:
        return _said(await sdk(http).responses.create(model=self.model, input="hi", instructions=BRIEF, tools=[TOOL]))

    async def stream(self, http: httpx2.AsyncClient) -> Said:
        responses = sdk(http).responses
        async with responses.stream(model=self.model, input="hi", instructions=BRIEF, tools=[TOOL]) as events:
            kinds = [event.type async for event in events]
            assert [kinds[0], kinds[-1]] == ["response.created", "response.completed"]
            return _said(await events.get_final_response())

    def kind_of_fault(self, error: Any) -> str:
        return error.body["type"]

    async def count(self, http: httpx2.AsyncClient) -> int:
        return (await sdk(http).responses.input_tokens.count(model="m", input="hi")).input_tokens


def _said(done: Any) -> Said:
    assert len({each.id for each in done.output}) == len(done.output)
    calls = [each for each in done.output if each.type == "function_call"]
    return Said(
        done.output_text or None,
        [(each.call_id, each.name, json.loads(each.arguments)) for each in calls],
        done.status,
        (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens),
    )
