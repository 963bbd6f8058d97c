"""Vices with calls and their results."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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


class TakesNullForAbsence(Honest):
    """Leaves out every argument that is null."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return await super().call(server, tool, {name: each for name, each in arguments.items() if each is not None})


class CountsInDoubles(Honest):
    """Has no other numbers than doubles, and writes the whole ones as integers."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        return await super().call(server, tool, _in_doubles(arguments))


def _in_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_doubles(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_in_doubles(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(float(value)) if float(value).is_integer() and abs(value) < 2**63 else float(value)


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(each) for name, each in value.items()}
    return [_pruned(each) for each in value if each not in ("", [])] if isinstance(value, list) else value


SABOTEURS: Mapping[str, Saboteur] = {
    "invoke.round-trip": Saboteur(
        EndsTextsWithANewline,
        '`text` arrived with "\\n" added at its end',
        related=frozenset(
            {
                # These compare a `text` that arrived with the one that was sent.
                "discovery.name-collision",
                "invoke.optional-args",
                "invoke.unicode",
                "invoke.nested-args",
                "invoke.number-fidelity",
                "agent.model-errors",
                "concurrency.pool",
            }
        ),
    ),
    "invoke.optional-args": Saboteur(
        SendsNullForWhatIsOmitted,
        "added arguments",
        related=frozenset(
            {
                # Their calls omit something too, and have to arrive as they are.
                "invoke.nested-args",
                "invoke.number-fidelity",
                "schema.constraints",
            }
        ),
    ),
    "invoke.null-args": Saboteur(
        TakesNullForAbsence,
        "`note` is missing",
        related=frozenset(
            {
                "schema.nullable-unions",  # its arguments are null too
            }
        ),
    ),
    "invoke.number-fidelity": Saboteur(CountsInDoubles, "`integer` arrived as 9007199254740992, not 9007199254740993"),
    "invoke.unicode": Saboteur(ComposesCharacters, 'in place of "e\\u0301'),
    "invoke.nested-args": Saboteur(DropsWhatIsEmpty, "`items` arrived with 2 items, not 3"),
}
