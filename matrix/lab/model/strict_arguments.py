"""Arguments as a model makes them for a strict schema: every property is there, with null for what is left out.

OpenAI's guide to structured outputs, "All fields must be required": an optional parameter is emulated by a union with
null. https://developers.openai.com/api/docs/guides/structured-outputs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.schemas import allows_null, resolved


def completed(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with null for each property that the schema requires, allows to be null, and they lack.

    Only objects whose every property is required are completed, to any depth: elsewhere what is left out stays so.
    """
    return _object(arguments, schema, schema)


def _object(value: Mapping[str, Any], node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    properties = mapping(node.get("properties"))
    made = {name: _value(each, mapping(properties.get(name)), root) for name, each in value.items()}
    if set(properties) <= set(sequence(node.get("required"))):
        lacking = (name for name in properties if name not in made and allows_null(mapping(properties[name]), root))
        made |= dict.fromkeys(lacking)
    return made


def _value(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    items, members = sequence(value), mapping(value)
    for node in _branches(schema, root):
        if items and isinstance(node.get("items"), Mapping):
            return [_value(each, mapping(node["items"]), root) for each in items]
        if isinstance(value, Mapping) and "properties" in node and members.keys() <= mapping(node["properties"]).keys():
            return _object(members, node, root)
    return cast("Any", value)


def _branches(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    node = resolved(schema, root)
    union = [mapping(each) for keyword in ("anyOf", "oneOf", "allOf") for each in sequence(node.get(keyword))]
    return [node, *(resolved(each, root) for each in union)]
