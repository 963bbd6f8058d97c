"""Vices of discovery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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


SABOTEURS: Mapping[str, Saboteur] = {
    "discovery.list-tools": Saboteur(DropsToolsWithAnUnknownKeyword, "not offered to the model: extra_keywords"),
    "discovery.pagination": Saboteur(DropsPageTwo, "page_tool_12 was not offered"),
    "discovery.name-collision": Saboteur(NamesToolsWithoutTheirServer, "did not reach it"),
    "discovery.description": Saboteur(ShortensDescriptions, "the description of long was offered"),
    "discovery.native-tools-kept": Saboteur(DropsItsOwnTools, "no longer offers own_tool"),
}
