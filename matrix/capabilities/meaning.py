"""Comparison of two JSON Schemas by what they mean, to any depth, pure: what the server's says, the offered one keeps.

An agent may inline references, write unions otherwise, and make what is optional required and nullable, as strict
schemas of providers ask. It may not widen a type, lose a property, an item's type or an enumeration, or make optional
what is required.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matrix.json_access import mapping, sequence

_DEEPEST = 40
_OF_VALUE: Sequence[tuple[type, str]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (dict, "object"),
    (list, "array"),
)


def losses(wanted: Mapping[str, Any], offered: Mapping[str, Any]) -> list[str]:
    """Say what of the wanted schema the offered one has lost, a phrase for each place."""
    return _Comparison(wanted, offered).of(wanted, offered, "", optional=False)


def completed(schema: Mapping[str, Any], example: Any) -> Any:
    """Return the example with null for each property that the schema requires and the example leaves out.

    That is how a model leaves an optional argument out where the agent has made a strict schema.
    """
    return _completed(schema, schema, example, 0)


@dataclass
class _Comparison:
    """Two schemas, each the root of its own references, and the pairs that are being compared already."""

    wanted_root: Mapping[str, Any]
    offered_root: Mapping[str, Any]
    open: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])

    def of(self, wanted: Any, offered: Any, place: str, *, optional: bool) -> list[str]:
        pair = (id(wanted), id(offered))
        if pair in self.open or len(self.open) > _DEEPEST:
            return []
        self.open.add(pair)
        try:
            return self._compared(wanted, offered, place, optional=optional)
        finally:
            self.open.discard(pair)

    def _compared(self, wanted: Any, offered: Any, place: str, *, optional: bool) -> list[str]:
        before = list(alternatives(self.wanted_root, wanted))
        after = list(alternatives(self.offered_root, offered))
        were, are = _kinds(before), _kinds(after)
        if were is None:
            return []
        if are is None:
            return [f"{_named(place)} lost its type ({_list(were)})"]
        found = _of_kinds(were, are, place, optional=optional) or _of_values(before, after, place)
        return found + self._of_kind("object", before, after, place) + self._of_kind("array", before, after, place)

    def _of_kind(
        self, kind: str, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], place: str
    ) -> list[str]:
        """Compare what is within objects or arrays: each alternative with the one that has kept most of it."""
        compare = self._of_objects if kind == "object" else self._of_arrays
        candidates = [each for each in after if kind in (_kind_of(each) or ())]
        found: list[str] = []
        for each in before:
            if kind in (_kind_of(each) or ()) and candidates:
                found += min((compare(each, other, place) for other in candidates), key=len)
        return found

    def _of_objects(self, wanted: Mapping[str, Any], offered: Mapping[str, Any], place: str) -> list[str]:
        before, after = mapping(wanted.get("properties")), mapping(offered.get("properties"))
        needed, asked = set(sequence(wanted.get("required"))), set(sequence(offered.get("required")))
        lost = sorted(set(before) - set(after))
        free = sorted(needed.intersection(before) - asked - set(lost))
        found = [f"{_named(place, 'it')} lost {_list(lost)}"] if lost else []
        found += [f"{_named(place, 'it')} no longer requires {_list(free)}"] if free else []
        for name in (each for each in before if each in after):
            inner = f"{place}.{name}" if place else name
            optional = name not in needed
            found += self.of(before[name], after[name], inner, optional=optional)
            if optional and name in asked and not self._takes_null(after[name]):
                found.append(f"`{inner}` is required now")
        return found

    def _of_arrays(self, wanted: Mapping[str, Any], offered: Mapping[str, Any], place: str) -> list[str]:
        if not isinstance(wanted.get("items"), Mapping):
            return []
        return self.of(wanted["items"], offered.get("items", {}), f"{place}[]", optional=False)

    def _takes_null(self, offered: Any) -> bool:
        kinds = _kinds(list(alternatives(self.offered_root, offered)))
        return kinds is None or "null" in kinds


def alternatives(
    root: Mapping[str, Any], schema: Any, followed: frozenset[str] = frozenset()
) -> Iterator[Mapping[str, Any]]:
    """Yield the alternatives of a schema, with references followed; a schema without a union is its only one."""
    node = mapping(schema)
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference not in followed:
            target = {**_target(root, reference), **_without(node, "$ref")}
            yield from alternatives(root, target, followed | {reference})
    elif sequence(node.get("allOf")):
        yield from alternatives(root, _merged(root, node), followed)
    elif keyword := next((each for each in ("anyOf", "oneOf") if sequence(node.get(each))), None):
        rest = _without(node, keyword)
        for each in sequence(node[keyword]):
            yield from alternatives(root, {**rest, **mapping(each)}, followed)
    else:
        yield node


def _target(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    """Follow a reference within the document (JSON Pointer, RFC 6901); one that points nowhere says nothing."""
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        node = mapping(node).get(name)
    return mapping(node)


def _merged(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    merged = dict(_without(node, "allOf"))
    for part in sequence(node["allOf"]):
        each = mapping(part)
        each = {**_target(root, each["$ref"]), **_without(each, "$ref")} if isinstance(each.get("$ref"), str) else each
        properties = {**mapping(merged.get("properties")), **mapping(each.get("properties"))}
        required = [*sequence(merged.get("required")), *sequence(each.get("required"))]
        merged = {**each, **merged, "properties": properties, "required": required}
    return merged


def _without(node: Mapping[str, Any], keyword: str) -> dict[str, Any]:
    return {key: each for key, each in node.items() if key != keyword}


def _kinds(alternatives_of_it: Sequence[Mapping[str, Any]]) -> set[str] | None:
    """Return the JSON types that are accepted, or None where any is."""
    kinds: set[str] = set()
    for each in alternatives_of_it:
        found = _kind_of(each)
        if found is None:
            return None
        kinds |= found
    return kinds


def _kind_of(node: Mapping[str, Any]) -> set[str] | None:
    kind = node.get("type")
    if isinstance(kind, str):
        return {kind}
    if sequence(kind):
        return {str(each) for each in sequence(kind)}
    if values := _values(node):
        return {_type_of(each) for each in values}
    if mapping(node.get("properties")):
        return {"object"}
    return {"array"} if "items" in node else None


def _values(node: Mapping[str, Any]) -> Sequence[Any]:
    return [node["const"]] if "const" in node else sequence(node.get("enum"))


def _type_of(value: Any) -> str:
    return next((name for kind, name in _OF_VALUE if isinstance(value, kind)), "null")


def _of_kinds(were: set[str], are: set[str], place: str, *, optional: bool) -> list[str]:
    """Compare types. Null may come and go with an optional property, which can be left out instead."""
    ignored = {"null"} if optional else set[str]()
    more = are - were - ignored - ({"integer"} if "number" in were else set())
    fewer = were - are - ignored - ({"integer"} if "number" in are else set())
    if more:
        return [f"{_named(place)} accepts {_list(more)} now, where the server says {_list(were)}"]
    return [f"{_named(place)} no longer accepts {_list(fewer)}"] if fewer else []


def _of_values(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], place: str) -> list[str]:
    """Compare enumerations; a provider may insist on texts, so values are compared as such."""
    wanted, offered = _enumerated(before), _enumerated(after)
    if wanted is None:
        return []
    if offered is None:
        return [f"{_named(place)} lost its enumeration"]
    if offered - wanted:
        return [f"{_named(place)} allows {_list(offered - wanted)} now"]
    return [f"{_named(place)} no longer allows {_list(wanted - offered)}"] if wanted - offered else []


def _enumerated(those: Sequence[Mapping[str, Any]]) -> set[str] | None:
    """Return the values that are allowed, null aside, or None where an alternative does not list any."""
    listed = [_values(each) for each in those if _kind_of(each) != {"null"}]
    if not listed or not all(listed):
        return None
    return {str(each) for values in listed for each in values if each is not None}


def _completed(root: Mapping[str, Any], schema: Any, value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return value
    those = list(alternatives(root, schema))
    if isinstance(value, Mapping):
        node = next((each for each in those if mapping(each.get("properties"))), mapping(None))
        given, properties = mapping(value), mapping(node.get("properties"))
        inner = {key: _completed(root, properties.get(key), each, depth + 1) for key, each in given.items()}
        return {**{str(name): None for name in sequence(node.get("required"))}, **inner}
    if isinstance(value, list | tuple):
        items = next((each["items"] for each in those if isinstance(each.get("items"), Mapping)), None)
        return [_completed(root, items, each, depth + 1) for each in sequence(value)]
    return value


def _named(place: str, root: str = "the root") -> str:
    return f"`{place}`" if place else root


def _list(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names))
