"""Arguments for a strict schema are completed with null, and others are left as they are."""

from __future__ import annotations

import pytest

from matrix.lab.model.strict_arguments import completed

MAYBE = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def strict(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@pytest.mark.parametrize(
    ("arguments", "schema", "made"),
    [
        ({"a": 1}, strict(a={"type": "integer"}, b=MAYBE), {"a": 1, "b": None}),
        ({"a": 1}, strict(a={}, b={"type": ["integer", "null"]}), {"a": 1, "b": None}),
        ({}, strict(a={"enum": ["x", None]}), {"a": None}),
        ({}, {**strict(a={"$ref": "#/$defs/A"}), "$defs": {"A": MAYBE}}, {"a": None}),
        # In an object within, in a list, behind a reference, in a union.
        ({"a": {"x": 1}}, strict(a=strict(x={}, y=MAYBE)), {"a": {"x": 1, "y": None}}),
        ({"a": [{"x": 1}]}, strict(a={"type": "array", "items": strict(x={}, y=MAYBE)}), {"a": [{"x": 1, "y": None}]}),
        ({"a": {}}, {**strict(a={"$ref": "#/$defs/A"}), "$defs": {"A": strict(y=MAYBE)}}, {"a": {"y": None}}),
        ({"a": {}}, strict(a={"anyOf": [{"type": "null"}, strict(y=MAYBE)]}), {"a": {"y": None}}),
        # What is not strict, or may not be null, stays left out.
        ({"a": 1}, {"type": "object", "properties": {"a": {}, "b": MAYBE}, "required": ["a"]}, {"a": 1}),
        ({}, strict(a={"type": "string"}), {}),
        ({"a": 1, "z": [1, {}]}, {"type": "object"}, {"a": 1, "z": [1, {}]}),
        ({"a": None}, strict(a=MAYBE), {"a": None}),
    ],
)
def test_only_what_a_strict_schema_asks_for_is_added(arguments, schema, made):
    assert completed(arguments, schema) == made
