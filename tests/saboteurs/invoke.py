"""Vices with calls and their results."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp import MCPError

from matrix.adapters.control import Connection
from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class EndsTextsWithANewline(Honest):
    """Thinks that every text is a line."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        lines = {name: f"{each}\n" if name == "text" else each for name, each in arguments.items()}
        return await super().call(server, tool, lines)


class SendsNullForWhatIsOmitted(Honest):
    """Fills in every argument of the schema."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return await super().call(server, tool, {**dict.fromkeys(tool.input_schema.get("properties", {})), **arguments})


class ComposesCharacters(Honest):
    """Normalises every text to NFC."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        composed = {
            name: unicodedata.normalize("NFC", each) if isinstance(each, str) else each
            for name, each in arguments.items()
        }
        return await super().call(server, tool, composed)


class DropsWhatIsEmpty(Honest):
    """Takes empty texts and lists, wherever they are, for noise."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return await super().call(server, tool, _pruned(arguments))


class SwallowsErrors(Honest):
    """Says `ok` whatever the tool says."""

    def show(self, result: types.CallToolResult) -> str:
        return "ok" if result.is_error else super().show(result)


class EndsOnAProtocolError(Honest):
    """Lets a JSON-RPC error end the run."""

    def failed(self, problem: Exception) -> str:
        if isinstance(problem, MCPError):
            raise problem
        return super().failed(problem)


class NeverGivesUp(Honest):
    """Waits for ever for a server that is silent."""

    patience = None


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(each) for name, each in value.items()}
    return [_pruned(each) for each in value if each not in ("", [])] if isinstance(value, list) else value


SABOTEURS: Mapping[str, Saboteur] = {
    "invoke.round-trip": Saboteur(
        EndsTextsWithANewline,
        "the server saw the arguments",
        related=frozenset(
            {
                # These compare a `text` that arrived with the one that was sent.
                "discovery.name-collision",
                "invoke.optional-args",
                "invoke.unicode",
                "invoke.nested-args",
                "concurrency.pool",
            }
        ),
    ),
    "invoke.optional-args": Saboteur(SendsNullForWhatIsOmitted, "added arguments"),
    "invoke.unicode": Saboteur(ComposesCharacters, "the server saw other characters"),
    "invoke.nested-args": Saboteur(DropsWhatIsEmpty, "arrived changed: items, nested"),
    "invoke.tool-error": Saboteur(SwallowsErrors, "not shown the tool's error message"),
    "invoke.protocol-error": Saboteur(EndsOnAProtocolError, "the run ended with MCPError"),
    "invoke.timeout": Saboteur(NeverGivesUp, "had not answered silent", deadline=40),
}
