"""Vices with schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matrix.adapters.control import Connection, rewritten
from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    import mcp_types as types


class DropsDefinitions(Honest):
    """Leaves every `$ref` pointing nowhere."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in super().schema(schema).items() if name != "$defs"}


class TurnsUnionsIntoStrings(Honest):
    """Takes whatever may be null for a plain string."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        return rewritten(super().schema(schema), _plain)


class InventsAnArgument(Honest):
    """Demands an argument of every tool that has none."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if schema.get("properties"):
            return super().schema(schema)
        return {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


class RenamesNothing(Honest):
    """Offers the server's own names, dots and all."""

    def name(self, server: Connection, tool: types.Tool) -> str:
        return f"{server.name}__{tool.name}"


class ForgetsWhatAnArrayHolds(Honest):
    """Says of every array that it holds anything."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        return rewritten(super().schema(schema), _of_anything)


class DropsConstraints(Honest):
    """Keeps types alone."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        return rewritten(super().schema(schema), _unconstrained)


class DropsUntypedProperties(Honest):
    """Leaves out a property that does not say its type."""

    def schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: each for name, each in schema.get("properties", {}).items() if set(each) != {"description"}}
        required = [name for name in schema.get("required", ()) if name in kept]
        return super().schema({**schema, "properties": kept, "required": required})


def _of_anything(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "items": {}} if schema.get("type") == "array" else schema


def _unconstrained(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in schema.items() if name not in {"pattern", "format", "minimum", "maximum"}}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [each.get("type") for each in schema.get("anyOf", ())] + [schema.get("type")]
    return {"type": "string"} if "null" in kinds or ["string", "null"] in kinds else schema


SABOTEURS: Mapping[str, Saboteur] = {
    "schema.refs": Saboteur(DropsDefinitions, "is broken"),
    "schema.nullable-unions": Saboteur(TurnsUnionsIntoStrings, "no longer accepts"),
    "schema.enum-items": Saboteur(ForgetsWhatAnArrayHolds, "whose item type is gone"),
    "schema.constraints": Saboteur(DropsConstraints, "lost `pattern` of code, `format` of day"),
    "schema.odd-shapes": Saboteur(DropsUntypedProperties, "lost anything"),
    "schema.empty-object": Saboteur(InventsAnArgument, "no longer accepts {}"),
    "schema.provider-rules": Saboteur(RenamesNothing, "would refuse the request"),
}
