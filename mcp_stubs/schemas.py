"""One tool for each shape of input schema that agents have stumbled over."""

from __future__ import annotations

from typing import Any

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, as_json, tool_server

_REFS = {
    "type": "object",
    "properties": {
        "home": {"$ref": "#/$defs/address"},
        "work": {"$ref": "#/$defs/address"},
    },
    "required": ["home"],
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "country": {"$ref": "#/$defs/country"}},
            "required": ["street", "country"],
        },
        "country": {
            "type": "object",
            "properties": {"code": {"type": "string", "enum": ["DE", "FR", "JP"]}},
            "required": ["code"],
        },
    },
}

_NULLABLE = {
    "type": "object",
    "properties": {
        "any_of": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "A number, or null."},
        "type_list": {"type": ["string", "null"], "description": "A text, or null."},
    },
    "required": ["any_of", "type_list"],
}

_ENUM_ITEMS = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": ["red", "green", "blue"]},
        "kind": {"const": "paint"},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "finishes": {"type": "array", "items": {"type": "string", "enum": ["matt", "gloss"]}},
    },
    "required": ["colour", "sizes"],
}

_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}

_EXTRA_KEYWORDS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$comment": "Keywords that say nothing about validity.",
    "title": "Extra keywords",
    "type": "object",
    "properties": {
        "city": {"type": "string", "title": "City", "examples": ["Paris", "Tokyo"]},
        "days": {"type": "integer", "examples": [1, 7], "deprecated": True},
    },
    "required": ["city"],
    "additionalProperties": False,
    "examples": [{"city": "Paris"}],
}

_ODD_SHAPES = {
    "type": "object",
    "properties": {
        "anything": {"description": "Any JSON value: the property says nothing of its type."},
        "properties": {"type": "string", "description": "A property that is named like a keyword."},
    },
    "required": ["anything", "properties"],
}

_CONSTRAINTS = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$", "minLength": 6, "maxLength": 6},
        "day": {"type": "string", "format": "date"},
        "amount": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
        "ratio": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": 3,
            "uniqueItems": True,
        },
    },
    "required": ["code", "day"],
}

SCHEMAS: dict[str, dict[str, Any]] = {
    "refs": _REFS,
    "nullable": _NULLABLE,
    "enum_items": _ENUM_ITEMS,
    "empty": _EMPTY,
    "extra_keywords": _EXTRA_KEYWORDS,
    "odd_shapes": _ODD_SHAPES,
    "constraints": _CONSTRAINTS,
}
"""Tool name → input schema."""


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""

    async def accept(_: Context, arguments: dict[str, Any]) -> str:
        return f"ok {as_json(arguments)}"

    description = "Return `ok` and the arguments as sorted JSON."
    return tool_server(name, [StubTool(shape, description, accept, schema) for shape, schema in SCHEMAS.items()])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
