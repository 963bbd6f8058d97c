"""Agents on OpenAI's chat completions that ask more of their model than which tools there are."""

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
STEPS: Mapping[str, Any] = {
    "name": "write_plan",
    "description": "Write down what you are going to do.",
    "parameters": {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["steps"],
    },
}


def of_schema(name: str, **properties: Any) -> Mapping[str, Any]:
    """Return a `response_format` of a strict object with these properties."""
    schema = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


class Constrained(Honest):
    """Says `more` in every request to its model."""

    more: ClassVar[Mapping[str, Any]] = {}

    async def ask_model(
        self, http: httpx2.AsyncClient, messages: Sequence[Any], more: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        tools = [{"type": "function", "function": each} for each in self.offer()]
        body = {"messages": messages, "tools": tools, **(self.more if more is None else more)}
        return (await self.post(http, "chat/completions", body))["choices"][-1]["message"]

    async def post(self, http: httpx2.AsyncClient, path: str, body: Mapping[str, Any]) -> Any:
        url = f"{self.task.model.base_url}/{path}"
        response = await http.post(url, json={"model": self.task.model.name, **body})
        return response.raise_for_status().json()

    async def beside(self, instructions: str, text: str, **more: Any) -> str:
        """Ask the model something beside the run, without tools."""
        messages = [{"role": "system", "content": instructions}, {"role": "user", "content": text}]
        async with self.http(timeout=None) as http:
            done = await self.post(http, "chat/completions", {"messages": messages, **more})
        return str(done["choices"][0]["message"]["content"])


class Optioned(Constrained):
    more: ClassVar[Mapping[str, Any]] = {
        "max_completion_tokens": 4000,
        "stop": ["\n\nObservation:"],
        "seed": 7,
        "temperature": 0,
        "top_p": 1,
        "user": "u-1",
        "metadata": {"run": "1"},
        "store": False,
        "reasoning_effort": "low",
        "service_tier": "auto",
    }


class SeveralChoices(Constrained):
    more: ClassVar[Mapping[str, Any]] = {"n": 2}


class Planner(Constrained):
    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            plan = await self.ask_model(http, [{"role": "user", "content": "Plan."}], {"tool_choice": "none"})
        if plan.get("tool_calls"):
            raise ValueError("a call came under tool_choice none")
        return await super().converse()


class PlansByTool(Constrained):
    def offer(self) -> list[Mapping[str, Any]]:
        return [STEPS, *super().offer()]

    async def ask_model(
        self, http: httpx2.AsyncClient, messages: Sequence[Any], more: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        if any(each.get("tool_calls") for each in messages):
            return await super().ask_model(http, messages, more)
        return await super().ask_model(
            http, messages, {"tool_choice": {"type": "function", "function": {"name": "write_plan"}}}
        )

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name != "write_plan":
            return await super().one(name, arguments)
        return f"{len(arguments['steps'])} steps noted"


class Serial(Constrained):
    more: ClassVar[Mapping[str, Any]] = {"parallel_tool_calls": False}

    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        ((name, arguments),) = calls
        return [await self.one(name, arguments)]


class Structured(Constrained):
    more: ClassVar[Mapping[str, Any]] = {"response_format": of_schema("answer", answer={"type": "string"})}

    async def converse(self) -> str:
        return json.loads(await super().converse())["answer"]


class Finished(Exception):
    """The model has called the tool that ends the run; the text is the answer."""


class Finishes(Honest):
    """Ends when its model calls `finish`, a tool of its own, with the answer."""

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


class Finishing(Finishes, Constrained):
    more: ClassVar[Mapping[str, Any]] = {"tool_choice": "required"}


class FirstTurnForced(Constrained):
    async def ask_model(
        self, http: httpx2.AsyncClient, messages: Sequence[Any], more: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        begun = any(each.get("tool_calls") for each in messages)
        return await super().ask_model(http, messages, {"tool_choice": "auto" if begun else "required"})


class AnswersInATurnOfItsOwn(Constrained):
    async def converse(self) -> str:
        text = await super().converse()
        form = of_schema("report", title={"type": "string"}, confident={"type": "boolean"}, text={"type": "string"})
        report = json.loads(await self.beside("Write a report of this.", text, response_format=form))
        if not isinstance(report["confident"], bool):
            raise TypeError("the report does not say whether it is confident")
        return report["text"]


class Functions(Honest):
    async def converse(self) -> str:
        messages: list[Any] = [{"role": "user", "content": self.task.prompt}]
        async with self.http(timeout=None) as http:
            while True:
                body = {"model": self.task.model.name, "messages": messages, "functions": self.offer()}
                response = await http.post(f"{self.task.model.base_url}/chat/completions", json=body)
                message = response.raise_for_status().json()["choices"][0]["message"]
                messages.append(message)
                call = message.get("function_call")
                if call is None:
                    return str(message["content"])
                text = await self.one(call["name"], json.loads(call["arguments"]))
                messages.append({"role": "function", "name": call["name"], "content": text})
