"""Rules that several providers have on tool names and schemas, and a walk through a JSON Schema."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from matrix.json_access import mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

EMPTY_OBJECT: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool that was offered without one: no parameters."""

_BY_NAME = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_IN_A_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_ALONE = (
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)


def walk(schema: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every subschema with its place, as in `properties.tags.items`; the root's place is empty.

    Which keywords hold schemas: JSON Schema 2020-12 (and `definitions` of its predecessors).
    """
    yield where, schema
    for keyword in _BY_NAME:
        for name, child in mapping(schema.get(keyword)).items():
            if isinstance(child, dict):
                yield from walk(mapping(child), _place(where, keyword, name))
    for keyword in _IN_A_LIST:
        for index, child in enumerate(sequence(schema.get(keyword))):
            if isinstance(child, dict):
                yield from walk(mapping(child), _place(where, keyword, str(index)))
    for keyword in _ALONE:
        if isinstance(schema.get(keyword), dict):
            yield from walk(mapping(schema[keyword]), _place(where, keyword))


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that a `$ref` into the same document leads to; an empty one where it leads nowhere.

    A schema without a `$ref` is returned as it is. The pointer is that of RFC 6901.
    """
    node: Mapping[str, Any] = schema
    seen: set[Any] = set()
    while isinstance(ref := node.get("$ref"), str) and ref not in seen:
        seen.add(ref)
        found: Any = root
        for step in ref.removeprefix("#").split("/")[1:]:
            found = mapping(found).get(unquote(step).replace("~1", "/").replace("~0", "~"))
        node = mapping(found if ref.startswith("#") else None)
    return node


def allows_null(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 8) -> bool:
    """Whether null is an instance of the schema by its types, unions and constants."""
    node = resolved(schema, root)
    if "enum" in node or "const" in node:
        return None in (*sequence(node.get("enum")), node.get("const", False))
    unions = [each for keyword in ("anyOf", "oneOf") for each in sequence(node.get(keyword))]
    return has_type(node, "null") or (depth > 0 and any(allows_null(mapping(each), root, depth - 1) for each in unions))


def has_type(schema: Mapping[str, Any], name: str) -> bool:
    """Whether the schema's `type` is this one, or names it among others."""
    kind = schema.get("type")
    return kind == name or name in sequence(kind)


def at(where: str) -> str:
    """Say where in a schema something is."""
    return f"at `{where}`" if where else "at the root"


def duplicate_names(names: Iterable[str]) -> list[str]:
    """Say which names are offered more than once."""
    counts = Counter(names)
    return [
        f"The tool `{name}` is offered {count} times; tool names must be unique."
        for name, count in counts.items()
        if count > 1
    ]


def arrays_without_items(name: str, schema: Mapping[str, Any]) -> list[str]:
    """Say which arrays do not say what they hold."""
    return [
        f"The tool `{name}` has an array without `items` {at(where)}."
        for where, node in walk(schema)
        if has_type(node, "array") and "items" not in node
    ]


def _place(*steps: str) -> str:
    return ".".join(step for step in steps if step)
