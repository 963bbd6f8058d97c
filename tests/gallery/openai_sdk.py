"""Agents on OpenAI's own SDK: chat completions and responses, streamed and not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from openai import AsyncOpenAI, OpenAI

from tests.saboteurs.honest import Honest


class Chat(Honest):
    """On `openai`'s chat completions."""

    more: ClassVar[Mapping[str, Any]] = {}

    async def converse(self) -> str:
        messages: list[Any] = [{"role": "user", "content": self.task.prompt}]
        tools: Any = [{"type": "function", "function": each} for each in self.offer()]
        model = AsyncOpenAI(base_url=self.task.model.base_url, api_key=self.task.model.api_key)
        async with model:
            while True:
                message = await self.next(model, {"model": "gpt", "messages": messages, "tools": tools, **self.more})
                messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
                if not message.tool_calls:
                    return str(message.content)
                calls = [each.function for each in message.tool_calls]
                shown = await self.together([(each.name, json.loads(each.arguments)) for each in calls])
                messages += [
                    {"role": "tool", "tool_call_id": each.id, "content": text}
                    for each, text in zip(message.tool_calls, shown, strict=True)
                ]

    async def next(self, model: AsyncOpenAI, body: dict[str, Any]) -> Any:
        return (await model.chat.completions.create(**body)).choices[0].message


class ChatStreamed(Chat):
    more: ClassVar[Mapping[str, Any]] = {"stream_options": {"include_usage": True}}

    async def next(self, model: AsyncOpenAI, body: dict[str, Any]) -> Any:
        async with model.chat.completions.stream(**body) as stream:
            async for _ in stream:
                pass
            return (await stream.get_final_completion()).choices[0].message


class ChatRaw(Chat):
    async def next(self, model: AsyncOpenAI, body: dict[str, Any]) -> Any:
        response = await model.chat.completions.with_raw_response.create(**body)
        if response.headers.get("content-type", "").split(";")[0] != "application/json":
            raise ValueError("that is no JSON")
        return response.parse().choices[0].message


class ChatInAThread(Chat):
    async def next(self, model: AsyncOpenAI, body: dict[str, Any]) -> Any:
        def ask() -> Any:
            with OpenAI(base_url=self.task.model.base_url, api_key=self.task.model.api_key) as blocking:
                return blocking.chat.completions.create(**body).choices[0].message

        return await asyncio.to_thread(ask)


class Responses(Honest):
    """On `openai`'s responses."""

    more: ClassVar[Mapping[str, Any]] = {"store": False}
    stored: ClassVar[bool] = False

    async def converse(self) -> str:
        items: list[Any] = [{"role": "user", "content": self.task.prompt}]
        tools: Any = [{"type": "function", "strict": False, **each} for each in self.offer()]
        more: dict[str, Any] = {"model": "gpt", "tools": tools, **self.more}
        async with AsyncOpenAI(base_url=self.task.model.base_url, api_key=self.task.model.api_key) as model:
            while True:
                response = await self.next(model, {**more, "input": items})
                calls = [each for each in response.output if each.type == "function_call"]
                if not calls:
                    return response.output_text
                shown = await self.together([(each.name, json.loads(each.arguments)) for each in calls])
                items = [] if self.stored else [*items, *response.output]
                items += [
                    {"type": "function_call_output", "call_id": each.call_id, "output": self.output(text)}
                    for each, text in zip(calls, shown, strict=True)
                ]
                if self.stored:
                    more["previous_response_id"] = response.id

    async def next(self, model: AsyncOpenAI, body: dict[str, Any]) -> Any:
        return await model.responses.create(**body)

    def output(self, text: str) -> Any:
        return text


class ResponsesStored(Responses):
    more: ClassVar[Mapping[str, Any]] = {"store": True, "instructions": "Be brief.", "truncation": "auto"}
    stored = True


class ResponsesReasoned(Responses):
    more: ClassVar[Mapping[str, Any]] = {
        "store": False,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "text": {"verbosity": "low"},
    }


class ResponsesStreamed(Responses):
    async def next(self, model: AsyncOpenAI, body: dict[str, Any]) -> Any:
        async with model.responses.stream(**body) as stream:
            return await stream.get_final_response()


class ResponsesInBlocks(Responses):
    def output(self, text: str) -> Any:
        return [{"type": "input_text", "text": text}]
