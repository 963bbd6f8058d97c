"""Google's way to write a schema, and Google's rules on functions.

A function declaration has its parameters either as `parametersJsonSchema`, which is JSON Schema, or as
`parameters`, "a select subset of an OpenAPI 3.0 schema object" (`google-genai`, `types.Schema`). The latter
has types in capitals, `nullable`, 64-bit numbers as strings, and `defs` and `ref` without the dollar sign.

Where the rules come from:

- names: `google-genai`, `types.FunctionDeclaration.name` ("Must start with a letter or an underscore. Must
  be a-z, A-Z, 0-9, or contain underscores, dots, colons and dashes, with a maximum length of 128"; it was
  64 before);
- parameters' names: `types.FunctionDeclaration.parameters` ("must start with a letter or an underscore and
  must only contain chars a-z, A-Z, 0-9, or underscores with a maximum length of 64");
- keywords: the fields of `types.Schema`; any other is refused with "Unknown name …: Cannot find field".
  `additionalProperties` is one of them, yet "only supported in Gemini Enterprise Agent Platform mode, not
  in Gemini Developer API mode" (`google-genai`, `_transformers`);
- types: one type a schema; a list is refused with "Proto field is not repeating, cannot start list";
- enum: strings (`types.Schema.enum`); arrays: refused with "items: missing field";
- duplicates: refused with "Duplicate function declaration found".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.reading import either, mappings
from matrix.lab.model.protocols.schemas import at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_PARAMETER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}")
_NUMBERS = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
_AS_THEY_ARE = ("default", "description", "maximum", "minimum", "pattern", "required", "title")
_KEYWORDS = frozenset(
    (
        *_NUMBERS,
        *_AS_THEY_ARE,
        "anyOf",
        "defs",
        "enum",
        "example",
        "format",
        "items",
        "nullable",
        "properties",
    )
) | {"propertyOrdering", "ref", "type"}
_BY_NAME = ("defs", "properties")


def json_schema(declaration: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a declaration's parameters as JSON Schema, whichever way it has them."""
    schema = mapping(either(declaration, "parametersJsonSchema")) or normalised(mapping(declaration.get("parameters")))
    return schema or {"type": "object", "properties": {}}


def normalised(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a schema of the OpenAPI subset into JSON Schema; what is not of the subset stays."""
    plain = {_camel(keyword): value for keyword, value in schema.items()}
    result = {keyword: value for keyword, value in plain.items() if keyword not in _KEYWORDS}
    result |= {keyword: plain[keyword] for keyword in _AS_THEY_ARE if keyword in plain}
    result |= {keyword: _number(plain[keyword]) for keyword in _NUMBERS if keyword in plain}
    kind = plain.get("type")
    if isinstance(kind, str) and kind != "TYPE_UNSPECIFIED":
        result["type"] = kind.lower()
    elif isinstance(kind, list):
        result["type"] = kind
    if "enum" in plain:
        result["enum"] = _enum(sequence(plain["enum"]), result.get("type"))
    if plain.get("format") not in (None, "enum"):
        result["format"] = plain["format"]
    if "example" in plain:
        result["examples"] = [plain["example"]]
    if isinstance(plain.get("ref"), str):
        result["$ref"] = plain["ref"].replace("#/defs/", "#/$defs/")
    return _nullable(result | _children(plain)) if plain.get("nullable") is True else result | _children(plain)


def broken_rules(name: str, declaration: Mapping[str, Any]) -> Iterator[str]:
    """Name the rules that one declaration breaks."""
    if not _NAME.fullmatch(name):
        yield (
            f"The tool `{name}` has a name that is not a letter or `_` "
            "followed by at most 127 letters, digits, `_`, `.`, `:` and `-`."
        )
    plain = mapping(either(declaration, "parametersJsonSchema"))
    if plain.get("type", "object") != "object":
        yield f"The tool `{name}` has parameters whose root is not of type `object`."
    subset = mapping(declaration.get("parameters"))
    if plain and subset:
        yield f"The tool `{name}` has both `parameters` and `parametersJsonSchema`, which exclude each other."
    for parameter in mapping(subset.get("properties")):
        if not _PARAMETER.fullmatch(parameter):
            yield (
                f"The tool `{name}` has a parameter `{parameter}`, which is not a letter or `_` "
                "followed by at most 63 letters, digits and `_`."
            )
    for where, node in _walk(subset):
        yield from _of_node(name, where, node)


def _of_node(name: str, where: str, node: Mapping[str, Any]) -> Iterator[str]:
    for keyword in node:
        if _camel(keyword) not in _KEYWORDS:
            yield f"The tool `{name}` has `{keyword}`, which `parameters` does not support, {at(where)}."
    kind = node.get("type")
    if kind is not None and not isinstance(kind, str):
        yield f"The tool `{name}` has a `type` that is no single type {at(where)}."
    if isinstance(kind, str) and kind.upper() == "ARRAY" and "items" not in node:
        yield f"The tool `{name}` has an array without `items` {at(where)}."
    if any(not isinstance(value, str) for value in sequence(node.get("enum"))):
        yield f"The tool `{name}` has an `enum` with values that are no strings {at(where)}."


def _walk(schema: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield where, schema
    for keyword in _BY_NAME:
        for name, child in mapping(schema.get(keyword)).items():
            yield from _walk(mapping(child), _place(where, keyword, name))
    if isinstance(schema.get("items"), dict):
        yield from _walk(mapping(schema["items"]), _place(where, "items"))
    for index, child in enumerate(mappings(either(schema, "anyOf"))):
        yield from _walk(child, _place(where, "anyOf", str(index)))


def _children(plain: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(plain.get("properties"), dict):
        found["properties"] = {key: normalised(mapping(each)) for key, each in plain["properties"].items()}
    if isinstance(plain.get("defs"), dict):
        found["$defs"] = {key: normalised(mapping(each)) for key, each in plain["defs"].items()}
    if isinstance(plain.get("items"), dict):
        found["items"] = normalised(mapping(plain["items"]))
    if isinstance(plain.get("anyOf"), list):
        found["anyOf"] = [normalised(each) for each in mappings(plain["anyOf"])]
    return found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("type"), str) and schema["type"] != "null":
        schema = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema and None not in schema["enum"]:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if "anyOf" in schema and {"type": "null"} not in schema["anyOf"]:
        schema = {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema


def _enum(values: Sequence[Any], kind: Any) -> list[Any]:
    # An enum's values are strings whatever its type: `{type: INTEGER, enum: ["101", "201"]}`.
    return [_number(value) for value in values] if kind in ("integer", "number") else list(values)


def _number(value: Any) -> Any:
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _camel(keyword: str) -> str:
    head, *rest = keyword.split("_")
    return head + "".join(word.capitalize() for word in rest) if head else keyword


def _place(*steps: str) -> str:
    return ".".join(step for step in steps if step)
