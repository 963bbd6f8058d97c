"""Vices of discovery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters

from matrix.adapters.control import OWN_TOOL, Connection
from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class DropsToolsWithAnUnknownKeyword(Honest):
    """Leaves out a tool whose schema names its dialect."""

    async def list_tools(self, server: Connection) -> list[types.Tool]:
        return [tool for tool in await super().list_tools(server) if "$schema" not in tool.input_schema]


class DropsPageTwo(Honest):
    """Never looks at the cursor."""

    async def list_tools(self, server: Connection) -> list[types.Tool]:
        return list((await server.client.list_tools()).tools)


class NamesToolsWithoutTheirServer(Honest):
    """Lets the last server win where two have a tool of one name."""

    def name(self, server: Connection, tool: types.Tool) -> str:
        return re.sub(r"[^A-Za-z0-9_-]", "_", tool.name)[:64]


class ShortensDescriptions(Honest):
    """Keeps the first 100 characters of a description."""

    def function(self, name: str, tool: types.Tool) -> Mapping[str, Any]:
        whole = tool.description or ""
        brief = whole if len(whole) <= 100 else f"{whole[:100]}…"
        return {**super().function(name, tool), "description": brief}


class DropsItsOwnTools(Honest):
    """Replaces its own tools by those of the servers instead of adding them."""

    def offer(self) -> list[Mapping[str, Any]]:
        return [each for each in super().offer() if each is not OWN_TOOL or not self.tools]


class HidesToolsBehindASearch(Honest):
    """Offers a search in place of many tools, which finds none by its name."""

    many = 100

    def offer(self) -> list[Mapping[str, Any]]:
        if len(self.tools) < self.many:
            return super().offer()
        query = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
        return [OWN_TOOL, {"name": "search_tools", "description": "Find tools by what they do.", "parameters": query}]

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        return "no tools found" if name == "search_tools" else await super().one(name, arguments)


class StartsWithWhoIsThere(Honest):
    """Goes to its model without a server whose process says nothing for one and a half seconds."""

    def client(self, transport: Any) -> Client:
        if isinstance(transport, StdioServerParameters):
            return Client(transport, read_timeout_seconds=1.5)
        return super().client(transport)


SABOTEURS: Mapping[str, Saboteur] = {
    "discovery.list-tools": Saboteur(DropsToolsWithAnUnknownKeyword, "not offered to the model: extra_keywords"),
    "discovery.pagination": Saboteur(DropsPageTwo, "page_tool_12 was not offered"),
    "discovery.name-collision": Saboteur(NamesToolsWithoutTheirServer, "did not reach it"),
    "discovery.deferred-reachable": Saboteur(HidesToolsBehindASearch, "echo_137"),
    "discovery.first-turn": Saboteur(
        StartsWithWhoIsThere,
        "had none of the server's tools",
        related=frozenset(
            {
                "transport.slow-start",  # who does not wait for two seconds does not wait for five
            }
        ),
    ),
    "discovery.description": Saboteur(ShortensDescriptions, "the description of long was offered"),
    "discovery.native-tools-kept": Saboteur(DropsItsOwnTools, "no longer offers own_tool"),
}
