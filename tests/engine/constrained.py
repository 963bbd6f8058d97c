"""Correct agents that say more to their model than which tools there are; each says one thing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx2

from tests.saboteurs.honest import Honest

FINISH: Mapping[str, Any] = {
    "name": "finish",
    "description": "Give the final answer.",
    "parameters": {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
}
ANSWER: Mapping[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {**FINISH["parameters"], "additionalProperties": False},
    },
}


class Constrained(Honest):
    """Says `more` in every request to its model."""

    more: ClassVar[Mapping[str, Any]] = {}

    async def ask_model(
        self, http: httpx2.AsyncClient, messages: Sequence[Any], more: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        tools = [{"type": "function", "function": each} for each in self.offer()]
        body = {
            "model": self.task.model.name,
            "messages": messages,
            "tools": tools,
            **(self.more if more is None else more),
        }
        response = await http.post(f"{self.task.model.base_url}/chat/completions", json=body)
        return response.raise_for_status().json()["choices"][0]["message"]


class Planner(Constrained):
    """Asks for a plan before it lets its model call anything."""

    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            plan = await self.ask_model(http, [{"role": "user", "content": "Plan."}], {"tool_choice": "none"})
        if plan.get("tool_calls"):
            raise ValueError("a call came under tool_choice none")
        return await super().converse()


class Serial(Constrained):
    """Wants one call a turn, and relies on it."""

    more: ClassVar[Mapping[str, Any]] = {"parallel_tool_calls": False}

    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        ((name, arguments),) = calls
        return [await self.one(name, arguments)]


class Structured(Constrained):
    """Reads its answer as JSON of a schema."""

    more: ClassVar[Mapping[str, Any]] = {"response_format": ANSWER}

    async def converse(self) -> str:
        return json.loads(await super().converse())["answer"]


class Finished(Exception):
    """The model has called the tool that ends the run; the text is the answer."""


class Finishing(Constrained):
    """Demands a call in every turn, and ends when its own tool is called."""

    more: ClassVar[Mapping[str, Any]] = {"tool_choice": "required"}

    def offer(self) -> list[Mapping[str, Any]]:
        return [FINISH, *super().offer()]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name == "finish":
            raise Finished(arguments["answer"])
        return await super().one(name, arguments)

    async def converse(self) -> str:
        try:
            return await super().converse()
        except Finished as finished:
            return str(finished)


class Embedding(Constrained):
    """Ranks what it offers by embeddings of the same provider."""

    async def converse(self) -> str:
        texts = [tool.description or name for name, (_, tool) in self.tools.items()]
        async with self.http(timeout=None) as http:
            body = {"model": "text-embedding-3-small", "input": texts}
            response = await http.post(f"{self.task.model.base_url}/embeddings", json=body)
        if len(response.raise_for_status().json()["data"]) != len(texts):
            raise ValueError("not every text was embedded")
        return await super().converse()


class Speaking(Constrained):
    """Asks its provider for something that the scripted model does not have."""

    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            response = await http.post(f"{self.task.model.base_url}/audio/speech", json={"input": "hello"})
        response.raise_for_status()
        return await super().converse()
