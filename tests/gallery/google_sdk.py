"""Agents on Google's own SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from google import genai
from google.genai import types as google

from tests.saboteurs.honest import Honest


class Gemini(Honest):
    """On `google-genai`."""

    more: ClassVar[Mapping[str, Any]] = {}

    async def converse(self) -> str:
        functions = [
            google.FunctionDeclaration(
                name=each["name"], description=each["description"], parameters_json_schema=each["parameters"]
            )
            for each in self.offer()
        ]
        tools = [google.Tool(function_declarations=functions)]
        off = google.AutomaticFunctionCallingConfig(disable=True)
        config = google.GenerateContentConfig(tools=tools, automatic_function_calling=off, **self.more)
        contents: list[Any] = [google.Content(role="user", parts=[google.Part(text=self.task.prompt)])]
        options = google.HttpOptions(base_url=self.task.model.base_url)
        async with genai.Client(api_key=self.task.model.api_key, http_options=options).aio as model:
            while True:
                content = await self.next(model, contents, config)
                contents.append(content)
                calls = [each.function_call for each in content.parts if each.function_call]
                if not calls:
                    return "".join(each.text or "" for each in content.parts if not each.thought)
                shown = await self.together([(each.name, dict(each.args or {})) for each in calls])
                contents.append(
                    google.Content(
                        role="user",
                        parts=[
                            google.Part.from_function_response(name=each.name, response=self.response(text))
                            for each, text in zip(calls, shown, strict=True)
                        ],
                    )
                )

    def response(self, text: str) -> dict[str, Any]:
        return {"error" if text.startswith("error: ") else "output": text}

    async def next(self, model: Any, contents: list[Any], config: google.GenerateContentConfig) -> google.Content:
        return (
            (await model.models.generate_content(model="gemini", contents=contents, config=config))
            .candidates[0]
            .content
        )


class GeminiStreamed(Gemini):
    async def next(self, model: Any, contents: list[Any], config: google.GenerateContentConfig) -> google.Content:
        parts: list[Any] = []
        async for each in await model.models.generate_content_stream(model="gemini", contents=contents, config=config):
            parts += each.candidates[0].content.parts or []
        return google.Content(role="model", parts=parts)


class GeminiOptioned(Gemini):
    more: ClassVar[Mapping[str, Any]] = {
        "system_instruction": "Be brief.",
        "max_output_tokens": 4000,
        "stop_sequences": ["Observation:"],
        "thinking_config": google.ThinkingConfig(thinking_budget=0),
        "tool_config": google.ToolConfig(function_calling_config=google.FunctionCallingConfig(mode="AUTO")),
        "safety_settings": [
            google.SafetySetting(category="HARM_CATEGORY_HATE_SPEECH", threshold="BLOCK_ONLY_HIGH"),
        ],
    }


class GeminiCounted(Gemini):
    async def next(self, model: Any, contents: list[Any], config: google.GenerateContentConfig) -> google.Content:
        if (await model.models.count_tokens(model="gemini", contents=contents)).total_tokens > 100_000:
            raise ValueError("too long")
        return await super().next(model, contents, config)


class GeminiTyped(Gemini):
    async def converse(self) -> str:
        text = await super().converse()
        options = google.HttpOptions(base_url=self.task.model.base_url)
        schema = {"type": "OBJECT", "properties": {"answer": {"type": "STRING"}}, "required": ["answer"]}
        config = google.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
        async with genai.Client(api_key=self.task.model.api_key, http_options=options).aio as model:
            done = await model.models.generate_content(model="gemini", contents=text, config=config)
        return json.loads(done.text)["answer"]
