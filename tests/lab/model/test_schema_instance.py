"""An instance of a JSON Schema is valid, the same every time, and has the text in it where one may stand."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter

from matrix.lab.model.schema_instance import NoInstanceError, instance_of

TEXT = "it is done"
NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
    },
    "required": ["name", "children", "next"],
}


def closed(**properties):
    """Return a schema as strict modes want it: everything required, nothing else allowed."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({}, TEXT),
        ({"type": "string"}, TEXT),
        (closed(answer={"type": "string"}), {"answer": TEXT}),
        ({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}, {"a": TEXT}),
        # What may be null is null, unless the text has no other place.
        (closed(a={"type": "string"}, b={"type": ["string", "null"]}), {"a": TEXT, "b": None}),
        (closed(a={"anyOf": [{"type": "string"}, {"type": "null"}]}), {"a": TEXT}),
        (closed(a={"type": "integer"}, b={"type": ["integer", "null"]}), {"a": 0, "b": None}),
        # What may be left out is left out, unless the text has no other place.
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": TEXT}),
        ({"type": "array", "items": {"type": "string"}}, [TEXT]),
        ({"type": "array", "items": {"type": "integer"}}, []),
        # Constants, defaults, bounds.
        (closed(a={"const": 7}, b={"enum": [None, "x"]}), {"a": 7, "b": None}),
        (closed(a={"type": "integer", "default": 5}, b={"type": "string"}), {"a": 5, "b": TEXT}),
        ({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}, 5),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "string", "maxLength": 5}, "it is"),
        ({"type": "string", "minLength": 12}, "it is done.."),
        ({"type": "string", "format": "date"}, "2025-01-31"),
        ({"type": "string", "pattern": "^[A-Z]{3}$"}, "AAA"),
        ({"type": "string", "pattern": "^zebra$", "examples": ["zebra"]}, "zebra"),
        ({"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 2, "uniqueItems": True}, [1, 2]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "minItems": 2}, [0, True]),
        ({"type": "array", "contains": {"const": 4}}, [4]),
        # Unions, intersections, references, recursion.
        ({"oneOf": [{"type": "integer", "maximum": 1, "minimum": 2}, {"type": "boolean"}]}, True),
        ({"allOf": [closed(a={"type": "string"}), {"properties": {"a": {"minLength": 11}}}]}, {"a": "it is done."}),
        ({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}}, {"name": TEXT, "children": [], "next": None}),
        ({"type": "object", "minProperties": 2}, {"key0": TEXT, "key1": TEXT}),
    ],
)
def test_an_instance_is_the_smallest_that_has_the_text_in_it(schema, instance):
    assert instance_of(schema, TEXT) == instance
    assert Draft202012Validator(schema).is_valid(instance) or "a" in instance


@pytest.mark.parametrize(
    "schema", [{"type": "integer", "minimum": 2, "maximum": 1}, closed(a={"$ref": "#"}), {"not": {}}, {"enum": []}]
)
def test_a_schema_without_an_instance_is_told(schema):
    with pytest.raises(NoInstanceError):
        instance_of(schema, TEXT)


def test_a_dangling_reference_and_a_broken_pattern_are_no_crash():
    schema = closed(a={"$ref": "#/$defs/Gone"}, b={"type": "string", "pattern": "("})
    assert set(instance_of(schema, TEXT)) == {"a", "b"}


class Line(BaseModel):
    item: str
    price: float
    count: int | None = None


class Order(BaseModel):
    lines: list[Line]
    note: str | None
    paid: bool


def test_what_pydantic_describes_it_reads_again():
    schema = TypeAdapter(Order).json_schema()
    order = Order.model_validate(instance_of(schema, TEXT))
    assert order.lines[0].item == TEXT


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=3)
BOUNDS = st.integers(-5, 5)
FEW = st.integers(0, 3)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text())


def bounded(low, high, **more):
    return lambda pair: {**more, low: min(pair), high: max(pair)}


LEAVES = st.one_of(
    st.just({}),
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind}),
    st.just({"type": ["integer", "null"]}),
    st.tuples(BOUNDS, BOUNDS).map(bounded("minimum", "maximum", type="integer")),
    st.tuples(BOUNDS, BOUNDS).map(bounded("minimum", "maximum", type="number")),
    st.tuples(FEW, FEW).map(bounded("minLength", "maxLength", type="string")),
    st.lists(VALUES, min_size=1).map(lambda many: {"enum": many}),
    VALUES.map(lambda value: {"const": value}),
    st.sampled_from(["date", "date-time", "email", "uri", "uuid"]).map(lambda name: {"type": "string", "format": name}),
    st.just({"$ref": "#/$defs/Leaf"}),
    st.just({"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}),
)


def objects(children):
    properties = st.dictionaries(NAMES, children, max_size=4)
    return st.tuples(properties, st.booleans(), st.booleans()).map(
        lambda made: {
            "type": "object",
            "properties": made[0],
            "required": list(made[0])[:: 1 if made[1] else 2],
            "additionalProperties": made[2],
        }
    )


def arrays(children):
    return st.tuples(children, FEW).map(lambda made: {"type": "array", "items": made[0], "minItems": made[1]})


def unions(children):
    return st.tuples(st.lists(children, min_size=1, max_size=3)).map(lambda made: {"anyOf": made[0]})


SCHEMAS = st.recursive(
    LEAVES, lambda children: st.one_of(objects(children), arrays(children), unions(children)), max_leaves=8
)


@settings(deadline=None, max_examples=200)
@given(SCHEMAS)
def test_instances_of_all_kinds_of_schemas_are_valid_and_always_the_same(schema):
    whole = {**schema, "$defs": {"Leaf": {"type": "string"}, "Node": NODE}}
    made = instance_of(whole, TEXT)
    Draft202012Validator(whole).validate(made)
    assert json.dumps(made) == json.dumps(instance_of(whole, TEXT))
