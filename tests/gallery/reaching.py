"""Agents that put something of their own before the tools of their servers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from matrix.adapters.control import OWN_TOOL
from tests.saboteurs.honest import Honest

TEXT = {"type": "string"}


def declared(tool: str, told: str, /, **properties: Any) -> Mapping[str, Any]:
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    return {"name": tool, "description": told, "parameters": schema}


class Searched(Honest):
    """Shows a search in place of its tools; what it finds is offered from then on."""

    query = "query"

    async def run(self) -> str:
        self.found: set[str] = set()
        return await super().run()

    def offer(self) -> list[Mapping[str, Any]]:
        search = declared("search_tools", "Search for tools by their names.", **{self.query: TEXT})
        return [search, *(each for each in super().offer() if each["name"] in {*self.found, OWN_TOOL["name"]})]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name != "search_tools":
            return await super().one(name, arguments)
        wanted = arguments[self.query].lower()
        found = [each for each, (_, tool) in self.tools.items() if wanted in tool.name.lower()]
        self.found.update(found)
        return json.dumps([{"name": each, "description": self.tools[each][1].description} for each in found])


class LoadedByName(Searched):
    """Lists its tools in the prompt's place by a call, and loads them by name."""

    def offer(self) -> list[Mapping[str, Any]]:
        _, *others = super().offer()
        names = {"type": "array", "items": TEXT}
        return [
            declared("list_available_tools", "List the names of all tools."),
            declared("load_tools", "Load tools, by their names.", names=names),
            *others,
        ]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name == "list_available_tools":
            return "\n".join(f"- {each}" for each in self.tools)
        if name == "load_tools":
            self.found.update(each for each in self.tools if each in arguments["names"])
            return f"loaded: {', '.join(arguments['names'])}"
        return await super().one(name, arguments)


class Called(Honest):
    """Has one tool that calls the others."""

    def offer(self) -> list[Mapping[str, Any]]:
        listed = "\n".join(f"- {name}: {json.dumps(tool.input_schema)}" for name, (_, tool) in self.tools.items())
        return [
            OWN_TOOL,
            declared("call_tool", f"Call one of these tools:\n{listed}", name=TEXT, arguments={"type": "object"}),
        ]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name != "call_tool":
            return await super().one(name, arguments)
        names = [each for each, (_, tool) in self.tools.items() if arguments["name"] in {each, tool.name}]
        return await super().one(names[0] if names else arguments["name"], arguments["arguments"])


class CalledWithText(Called):
    def offer(self) -> list[Mapping[str, Any]]:
        names = ", ".join(self.tools)
        return [OWN_TOOL, declared("run_mcp_tool", f"Run a tool: {names}.", tool_name=TEXT, arguments_json=TEXT)]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name != "run_mcp_tool":
            return await super().one(name, arguments)
        return await super().one(
            "call_tool", {"name": arguments["tool_name"], "arguments": json.loads(arguments["arguments_json"])}
        )


class OneToolAServer(Called):
    """Has one tool for each server, which takes an action."""

    def offer(self) -> list[Mapping[str, Any]]:
        servers: dict[str, list[str]] = {}
        for server, tool in self.tools.values():
            servers.setdefault(server.name, []).append(tool.name)
        return [
            OWN_TOOL,
            *(
                declared(
                    f"mcp_{name}",
                    f"Use the server {name}.",
                    action={"type": "string", "enum": actions},
                    arguments={"type": "object"},
                )
                for name, actions in servers.items()
            ),
        ]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if not name.startswith("mcp_"):
            return await super().one(name, arguments)
        found = [
            each
            for each, (server, tool) in self.tools.items()
            if tool.name == arguments["action"] and f"mcp_{server.name}" == name
        ]
        return await Honest.one(self, found[0] if found else name, arguments["arguments"])


class Delegated(Honest):
    """Hands its task to a delegate that has the tools."""

    delegate = declared("ask_specialist", "Hand a task to the specialist, who has all tools.", task=TEXT)
    inside = False

    def offer(self) -> list[Mapping[str, Any]]:
        return super().offer() if self.inside else [OWN_TOOL, self.delegate]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if name != self.delegate["name"]:
            return await super().one(name, arguments)
        specialist = Specialist(self.task, self.stack)
        specialist.tools = self.tools
        return await specialist.work(arguments.get("task", self.task.prompt))


class Specialist(Delegated):
    inside = True

    async def work(self, task: str) -> str:
        messages: list[Any] = [
            {"role": "system", "content": "You are a specialist."},
            {"role": "user", "content": task},
        ]
        async with self.http(timeout=None) as http:
            return await self.until_text(http, messages)


class HandedOver(Delegated):
    delegate = declared("transfer_to_billing", "Hand off to the billing agent.")


class OneAgentAServer(Honest):
    """Has an agent for each server, and asks them as tools."""

    def offer(self) -> list[Mapping[str, Any]]:
        return [
            OWN_TOOL,
            *(
                declared(f"{name}_agent", f"An agent that has the tools of {name}.", input=TEXT)
                for name in dict.fromkeys(server.name for server, _ in self.tools.values())
            ),
        ]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        if not name.endswith("_agent"):
            return await super().one(name, arguments)
        specialist = Specialist(self.task, self.stack)
        specialist.tools = {key: each for key, each in self.tools.items() if f"{each[0].name}_agent" == name}
        return await specialist.work(arguments["input"])


class InThePrompt(Honest):
    """Tells of its tools in its prompt, and reads the calls out of the text."""

    async def ask_model(self, http: httpx2.AsyncClient, messages: Sequence[Any]) -> Mapping[str, Any]:
        told = "\n".join(f"{each['name']}: {each['description']}" for each in self.offer())
        body = {"model": "m", "messages": [{"role": "system", "content": f"Your tools:\n{told}"}, *messages]}
        response = await http.post(f"{self.task.model.base_url}/chat/completions", json=body)
        return response.raise_for_status().json()["choices"][0]["message"]
