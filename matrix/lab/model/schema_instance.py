"""An instance of a JSON Schema, made without chance: what a model answers that is held to a schema.

Keywords are those of JSON Schema 2020-12 (and `definitions` of its predecessors). Several candidates are tried at
every place, and the first that the schema accepts is taken; `jsonschema` is the judge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.harmless import guesses, harmless_first
from matrix.lab.model.protocols.schemas import allows_null, resolved

_DEEPEST = 12
_DEEPEST_OPTIONAL = 4
_UNTYPED = ("string", "object", "integer", "boolean", "array", "null")
_OF_OBJECTS = ("properties", "required", "additionalProperties", "minProperties", "patternProperties")
_OF_ARRAYS = ("items", "prefixItems", "minItems", "contains")
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")

# https://json-schema.org/draft/2020-12/json-schema-validation#section-7.3
_FORMATS: Mapping[str, str] = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "idn-email": "someone@example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "iri": "https://example.com/",
    "json-pointer": "/a",
    "regex": "a",
    "relative-json-pointer": "0",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "uri-reference": "/a",
    "uri-template": "/{a}",
    "url": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_FOR_PATTERNS = (
    *("a", "A", "0", "1", "aa", "AA", "00", "aaa", "AAA", "000", "Aa", "a0", "A0", "a1", "A1", "A-1", "AA00", "AA-00"),
    *("0000", "00000", "+10000000000", "1.0.0", "1.0", "#000000", "000-000-0000", "00-00", "00:00", "/a", "a/b", "a.b"),
    *_FORMATS.values(),
)


class NoInstanceError(ValueError):
    """No instance of a schema was found."""


def instance_of(schema: Mapping[str, Any], text: str = "") -> Any:
    """Return an instance of the schema, with the text in it wherever a free string is asked for.

    It is a small one: what is required, and null for what may be null, as a model does that has nothing to say
    there. Only where the text would find no place in it, what may be left out is filled in too. Raises
    NoInstanceError where none was found.
    """
    found: list[Any] = []
    for generosity in range(3):
        with suppress(NoInstanceError):
            found.append(_Maker(schema, text, generosity).make(schema))
            if _holds(found[-1], text):
                return found[-1]
    if not found:
        raise NoInstanceError("no instance of the schema was found")
    return found[0]


class _Maker:
    """Makes instances of one schema; `generosity` 0: nulls and what is required, 1: no nulls, 2: what is optional."""

    def __init__(self, root: Mapping[str, Any], text: str, generosity: int) -> None:
        from jsonschema import Draft202012Validator  # noqa: PLC0415  (listing the capabilities must stay light)

        self._root = root
        self._text = text
        self._generosity = generosity
        self._judge: Any = Draft202012Validator(dict(root))

    def make(self, schema: Any, refs: tuple[str, ...] = ()) -> Any:
        """Return an instance of a subschema, which was reached through these references."""
        return next(self._instances(schema, refs))

    def _instances(self, schema: Any, refs: tuple[str, ...]) -> Iterator[Any]:
        if schema is False or len(refs) > _DEEPEST:
            raise NoInstanceError("no instance of the schema was found")
        node = mapping(schema)
        yield from (each for each in self._candidates(node, refs) if self._accepts(node, each))
        raise NoInstanceError("no instance of the schema was found")

    def _accepts(self, node: Mapping[str, Any], value: Any) -> bool:
        try:
            return bool(self._judge.evolve(schema=node).is_valid(value))
        except Exception:  # noqa: BLE001  (a dangling reference or a broken pattern shows only when it is used)
            return True

    def _candidates(self, node: Mapping[str, Any], refs: tuple[str, ...]) -> Iterator[Any]:
        if "const" in node:
            yield node["const"]
        yield from harmless_first(sequence(node.get("enum")))
        if "default" in node and not self._generosity:
            yield node["default"]
        for plain, through in self._without_combinators(node, refs):
            if plain is node:
                for kind in _kinds(node):
                    with suppress(NoInstanceError):
                        yield from self._of_kind(kind, node, refs)
            else:
                with suppress(NoInstanceError):
                    yield from self._instances(plain, through)
        yield from (node[keyword] for keyword in ("default",) if keyword in node)
        yield from sequence(node.get("examples"))

    def _without_combinators(
        self, node: Mapping[str, Any], refs: tuple[str, ...]
    ) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
        """Take one combinator off: yield each of the schemas that the node may stand for, or the node itself."""
        rest = dict(node)
        if isinstance(ref := rest.pop("$ref", None), str):
            yield _merged(rest, mapping(resolved(node, self._root))), (*refs, ref)
        elif "allOf" in rest:
            for part in sequence(rest.pop("allOf")):
                rest = _merged(rest, mapping(part))
            yield rest, refs
        elif keyword := next((each for each in ("anyOf", "oneOf") if each in rest), None):
            branches = [mapping(each) for each in sequence(rest.pop(keyword))]
            for branch in sorted(branches, key=lambda each: (each.get("$ref") in refs, each == {"type": "null"})):
                yield _merged(rest, branch), refs
        else:
            yield node, refs

    def _of_kind(self, kind: str, node: Mapping[str, Any], refs: tuple[str, ...]) -> Iterator[Any]:
        match kind:
            case "object":
                yield self._object(node, refs)
            case "array":
                yield self._array(node, refs)
            case "string":
                yield from self._strings(node)
            case "integer" | "number":
                yield from _numbers(node)
            case "boolean":
                yield from (True, False)
            case _:
                yield None

    def _object(self, node: Mapping[str, Any], refs: tuple[str, ...]) -> dict[str, Any]:
        properties = mapping(node.get("properties"))
        required = [str(each) for each in sequence(node.get("required"))]
        made: dict[str, Any] = {}
        for name in [*(each for each in properties if each in required), *required]:
            if name not in made:
                made[name] = self._property(name, properties.get(name, node.get("additionalProperties")), refs)
        fewest = int(node.get("minProperties", 0))
        wanted = len(properties) if self._generosity > 1 and len(refs) < _DEEPEST_OPTIONAL else fewest
        extra = [*properties, *(f"key{number}" for number in range(fewest))]
        for name in extra:
            if name not in made and len(made) < max(wanted, fewest):
                with suppress(NoInstanceError):
                    made[name] = self._property(
                        name, properties.get(name, node.get("additionalProperties")), (*refs, "")
                    )
        return made

    def _property(self, name: str, schema: Any, refs: tuple[str, ...]) -> Any:
        node = mapping(schema)
        if not self._generosity and allows_null(node, self._root):
            return None
        for guess in guesses(name, node):
            if self._accepts(node, guess):
                return guess
        return self.make(schema, refs)

    def _array(self, node: Mapping[str, Any], refs: tuple[str, ...]) -> list[Any]:
        first = sequence(node.get("prefixItems"))
        items = node.get("items")
        fewest = int(node.get("minItems", 0))
        goes_round = mapping(items).get("$ref") in refs
        wanted = max(fewest, 1 if (self._generosity and not goes_round) or "contains" in node else 0)
        made: list[Any] = []
        for place in range(min(wanted, int(node.get("maxItems", wanted)))):
            schema = first[place] if place < len(first) else items
            if place == 0 and "contains" in node and not first:
                schema = _merged(dict(mapping(items)), mapping(node["contains"]))
            with suppress(NoInstanceError):
                fresh = (
                    each for each in self._instances(schema, refs) if not node.get("uniqueItems") or each not in made
                )
                made.append(next(fresh))
        return made

    def _strings(self, node: Mapping[str, Any]) -> Iterator[str]:
        shortest, longest = int(node.get("minLength", 0)), node.get("maxLength")
        given = _FORMATS.get(str(node.get("format")))
        if given is not None:
            yield given
        for text in (self._text, *(f"{self._text} {number}" for number in range(2, shortest + 4))):
            yield text.ljust(shortest, ".")[:longest]
        if "pattern" in node:
            yield from (sample for each in _FOR_PATTERNS for sample in (each, each * max(shortest, 1)))


def _kinds(node: Mapping[str, Any]) -> list[str]:
    """Return the types that an instance may have, null last; guessed from the other keywords where none is named."""
    kind = node.get("type")
    if isinstance(kind, str):
        return [kind]
    named = [str(each) for each in sequence(kind)]
    if named:
        return sorted(named, key=lambda each: each == "null")
    for keywords, guess in ((_OF_OBJECTS, "object"), (_OF_ARRAYS, "array"), (_OF_NUMBERS, "integer")):
        if any(each in node for each in keywords):
            return [guess, *_UNTYPED]
    return list(_UNTYPED)


def _numbers(node: Mapping[str, Any]) -> Iterator[float]:
    low = max((node[each] for each in ("minimum", "exclusiveMinimum") if _is_number(node.get(each))), default=None)
    high = min((node[each] for each in ("maximum", "exclusiveMaximum") if _is_number(node.get(each))), default=None)
    step = node["multipleOf"] if _is_number(node.get("multipleOf")) else 1
    start = low if low is not None else min(0, high) if high is not None else 0
    first = math.ceil(start / step) * step
    yield from (first + number * step for number in range(5))
    yield from (math.floor(high / step) * step - number * step for number in range(2) if high is not None)
    if low is not None and high is not None:
        yield (low + high) / 2


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return one schema for two that both hold, as far as that can be said without `allOf`."""
    both = {**first, **second}
    for keyword in ("properties", "$defs"):
        if keyword in first and keyword in second:
            both[keyword] = {**mapping(first[keyword]), **mapping(second[keyword])}
    if "required" in both:
        both["required"] = list(dict.fromkeys([*sequence(first.get("required")), *sequence(second.get("required"))]))
    return both


def _holds(value: Any, text: str) -> bool:
    """Whether the text is in one of the strings of a JSON value."""
    if isinstance(value, str):
        return text in value
    parts = mapping(value).values() if isinstance(value, Mapping) else sequence(value)
    return not text or any(_holds(each, text) for each in parts)
