"""Agents on Anthropic's own SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from anthropic import Anthropic, AsyncAnthropic

from tests.gallery.chat_options import Finishes
from tests.saboteurs.honest import Honest


class Messages(Honest):
    """On `anthropic`'s messages; a failure is marked."""

    more: ClassVar[Mapping[str, Any]] = {}

    async def converse(self) -> str:
        messages: list[Any] = [{"role": "user", "content": self.task.prompt}]
        async with AsyncAnthropic(base_url=self.task.model.base_url, api_key=self.task.model.api_key) as model:
            while True:
                body = {"model": "claude", "max_tokens": 4096, "messages": messages, "tools": self.declared()}
                message = await self.next(model, {**body, **self.more})
                messages.append({"role": "assistant", "content": message.content})
                calls = [each for each in message.content if each.type == "tool_use"]
                if not calls:
                    return "".join(each.text for each in message.content if each.type == "text")
                shown = await self.together([(each.name, each.input) for each in calls])
                results = [self.result(each.id, text) for each, text in zip(calls, shown, strict=True)]
                messages.append({"role": "user", "content": results})

    def declared(self) -> list[Any]:
        return [
            {"name": each["name"], "description": each["description"], "input_schema": each["parameters"]}
            for each in self.offer()
        ]

    def result(self, call_id: str, text: str) -> dict[str, Any]:
        failed = text.startswith("error: ")
        return {"type": "tool_result", "tool_use_id": call_id, "content": text, "is_error": failed}

    async def next(self, model: AsyncAnthropic, body: dict[str, Any]) -> Any:
        return await model.messages.create(**body)


class MessagesStreamed(Messages):
    async def next(self, model: AsyncAnthropic, body: dict[str, Any]) -> Any:
        async with model.messages.stream(**body) as stream:
            return await stream.get_final_message()


class MessagesCached(Messages):
    more: ClassVar[Mapping[str, Any]] = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "metadata": {"user_id": "u-1"},
        "stop_sequences": ["Observation:"],
    }

    def declared(self) -> list[Any]:
        *others, last = super().declared()
        return [*others, {**last, "cache_control": {"type": "ephemeral"}}]

    def result(self, call_id: str, text: str) -> dict[str, Any]:
        block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
        return {**super().result(call_id, text), "content": [block] if text else []}


class MessagesThinking(Messages):
    more: ClassVar[Mapping[str, Any]] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


class MessagesCounted(Messages):
    async def next(self, model: AsyncAnthropic, body: dict[str, Any]) -> Any:
        counted = {key: body[key] for key in ("model", "messages", "tools")}
        if (await model.messages.count_tokens(**counted)).input_tokens > 100_000:
            raise ValueError("too long")
        return await super().next(model, body)


class MessagesOneByOne(Messages):
    more: ClassVar[Mapping[str, Any]] = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}

    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        ((name, arguments),) = calls
        return [await self.one(name, arguments)]


class MessagesFinishing(Finishes, Messages):
    more: ClassVar[Mapping[str, Any]] = {"tool_choice": {"type": "any"}}


class MessagesInAThread(Messages):
    async def next(self, model: AsyncAnthropic, body: dict[str, Any]) -> Any:
        def ask() -> Any:
            with Anthropic(base_url=self.task.model.base_url, api_key=self.task.model.api_key) as blocking:
                return blocking.messages.create(**body)

        return await asyncio.to_thread(ask)


class MessagesHosted(Messages):
    def declared(self) -> list[Any]:
        return [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}, *super().declared()]
