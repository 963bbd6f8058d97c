"""Google's generateContent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types
from pydantic_ai import Agent
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

from matrix.lab.model.protocols.google import Google
from tests.lab.model.protocols.wires.base import BRIEF, FUNCTION, SCHEMA, URL, Fault, Refusal, Said, Wire

ASKED = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CONFIG = types.GenerateContentConfig(
    system_instruction=BRIEF,
    tools=[
        types.Tool(function_declarations=[types.FunctionDeclaration(**FUNCTION, parameters_json_schema=dict(SCHEMA))])
    ],
)
UNEQUAL = (
    "Please ensure that the number of function response parts is equal to the number of function call parts "
    "of the function call turn."
)


def sdk(http: httpx2.AsyncClient) -> genai.Client:
    """Return Google's SDK on this client."""
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=URL, httpx_async_client=http))


def conversation(calls: list[Any], responses: list[Any]) -> dict[str, Any]:
    """Return a request with a turn of these calls, and one of these responses."""
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "U"}]},
            {"role": "model", "parts": [{"functionCall": each} for each in calls]},
            {"role": "user", "parts": [{"functionResponse": each} for each in responses]},
        ]
    }


class GenerateWire(Wire):
    protocol = Google()
    path = "/v1beta/models/gemini-test:generateContent"
    model = "gemini-test"
    models = (model, "gemini-2.5-pro", "gemini-3-pro-preview")
    ended = (types.FinishReason.STOP, types.FinishReason.STOP)
    flags = (None, True)
    kinds = ("other", "inlineData")
    faults = (Fault(429, errors.ClientError, "RESOURCE_EXHAUSTED"), Fault(500, errors.ServerError, "INTERNAL"))
    refused = (
        Refusal(ASKED, "The path names no model.", path="/generateContent"),
        Refusal({}, "The request's `contents` is no list with anything in it."),
        Refusal(
            conversation([{"name": "f"}, {"name": "g"}], [{"name": "f"}]),
            UNEQUAL,
        ),
        Refusal(
            {"contents": conversation([{"name": "f"}], [])["contents"][:2]},
            UNEQUAL,
        ),
        Refusal(
            {"contents": conversation([], [{"name": "f"}])["contents"][2:]},
            UNEQUAL,
        ),
    )
    listed = ("models/scripted", "models/gemini-test")

    def agent(self, http: httpx2.AsyncClient, model: str) -> Agent[None, str]:
        return Agent(GoogleModel(model, provider=GoogleProvider(client=sdk(http))), instructions=BRIEF)

    async def ask(self, http: httpx2.AsyncClient) -> Said:
        done = await sdk(http).aio.models.generate_content(model=self.model, contents="hi", config=CONFIG)
        return _said([done])

    async def stream(self, http: httpx2.AsyncClient) -> Said:
        models = sdk(http).aio.models
        chunks = await models.generate_content_stream(model=self.model, contents="hi", config=CONFIG)
        return _said([chunk async for chunk in chunks])

    def kind_of_fault(self, error: Any) -> str:
        return error.status

    def kind_of_part(self, part: Mapping[str, Any]) -> str:
        # The SDK passes on the names within a function response as it was given them.
        return "inlineData" if {"inlineData", "inline_data"} & set(part) else "other"

    async def count(self, http: httpx2.AsyncClient) -> int | None:
        return (await sdk(http).aio.models.count_tokens(model=self.model, contents="hi")).total_tokens

    async def list(self, http: httpx2.AsyncClient) -> tuple[list[str | None], str | None]:
        models = sdk(http).aio.models
        return [each.name async for each in await models.list()], (await models.get(model=self.model)).name


def _said(chunks: list[Any]) -> Said:
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    calls = [part.function_call for part in parts if part.function_call]
    used = chunks[-1].usage_metadata
    return Said(
        "".join(part.text for part in parts if part.text) or None,
        [(each.id, each.name, each.args) for each in calls],
        chunks[-1].candidates[0].finish_reason,
        (used.prompt_token_count, used.candidates_token_count, used.total_token_count),
    )
