"""Two schemas are compared by what they mean, to any depth."""

from __future__ import annotations

from typing import Any

import pytest

from matrix.capabilities.meaning import completed, losses

TEXT = {"type": "string"}


def an(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object."""
    return {"type": "object", "properties": properties, "required": required or []}


EDITS = an(["edits"], edits={"type": "array", "items": an(["old"], old=TEXT, count={"type": "integer"})})
NODE = {"$ref": "#/$defs/node", "$defs": {"node": an(["name"], name=TEXT, next={"$ref": "#/$defs/node"})}}


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        (an(["a"], a=TEXT), an(["a"], a={**TEXT, "description": "more"})),
        (an(a=TEXT), an(["a"], a={"anyOf": [TEXT, {"type": "null"}]})),
        (an(a=TEXT), an(["a"], a={"type": ["string", "null"]})),
        (an(a={"anyOf": [TEXT, {"type": "null"}]}), an(a=TEXT)),
        ({**an(["a"], a={"$ref": "#/$defs/t"}), "$defs": {"t": TEXT}}, an(["a"], a=TEXT)),
        (an(["a"], a={"oneOf": [TEXT, {"type": "integer"}]}), an(["a"], a={"type": ["integer", "string"]})),
        (an(["a"], a={"const": "x"}), an(["a"], a={"type": "string", "enum": ["x"]})),
        (an(["a"], a={"allOf": [TEXT]}), an(["a"], a=TEXT)),
        (an(["a"], a={}), an(["a"], a=TEXT)),
        (NODE, NODE),
        (EDITS, EDITS),
    ],
)
def test_what_means_the_same_has_lost_nothing(wanted: dict[str, Any], offered: dict[str, Any]) -> None:
    assert losses(wanted, offered) == []


@pytest.mark.parametrize(
    ("wanted", "offered", "told"),
    [
        (an(["a"], a=TEXT), an(["a"], a={}), "`a` lost its type (string)"),
        (an(["a"], a=TEXT), an(a=TEXT), "it no longer requires a"),
        (an(a=TEXT), an(), "it lost a"),
        (an(a=TEXT), an(["a"], a=TEXT), "`a` is required now"),
        (an(["a"], a={"type": "integer"}), an(["a"], a=TEXT), "`a` accepts string now, where the server says integer"),
        (an(["a"], a={"type": ["string", "integer"]}), an(["a"], a=TEXT), "`a` no longer accepts integer"),
        (an(["a"], a={"enum": ["x", "y"]}), an(["a"], a=TEXT), "`a` lost its enumeration"),
        (an(["a"], a={"enum": ["x", "y"]}), an(["a"], a={"enum": ["x"]}), "`a` no longer allows y"),
        (
            EDITS,
            an(["edits"], edits={"type": "array", "items": {}}),
            "`edits[]` lost its type (object)",
        ),
        (
            EDITS,
            an(["edits"], edits={"type": "array", "items": an(["old"], old=TEXT, count={})}),
            "`edits[].count` lost its type (integer)",
        ),
        (
            EDITS,
            an(["edits"], edits={"type": "array", "items": an(old=TEXT, count={"type": "integer"})}),
            "`edits[]` no longer requires old",
        ),
        (NODE, an(["name"], name=TEXT, next=an(["name"], next={"type": "object"})), "`next` lost name"),
        (NODE, {"$ref": "#/$defs/node"}, "the root lost its type (object)"),
    ],
)
def test_a_loss_is_told_with_its_place(wanted: dict[str, Any], offered: dict[str, Any], told: str) -> None:
    assert told in losses(wanted, offered)


def test_a_schema_that_refers_to_itself_in_every_way_comes_to_an_end() -> None:
    knot = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, an(a={"$ref": "#"})]}
    assert losses(knot, knot) == []


def test_an_example_is_completed_with_null_where_a_strict_schema_requires_more() -> None:
    strict = an(["a", "b"], a=an(["c", "d"], c=TEXT, d={"type": ["string", "null"]}), b={"type": ["string", "null"]})
    assert completed(strict, {"a": {"c": "x"}}) == {"a": {"c": "x", "d": None}, "b": None}
    assert completed(an(a=TEXT), {}) == {}
