"""The providers' rules on tool names and schemas: each one broken alone, and what each provider takes."""

from __future__ import annotations

import pytest

from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.model.protocols.anthropic import Anthropic
from matrix.lab.model.protocols.google import Google
from matrix.lab.model.protocols.openai_chat import OpenAIChat
from matrix.lab.model.protocols.openai_responses import OpenAIResponses

EMPTY = {"type": "object", "properties": {}}
USER = {"role": "user", "content": "hi"}


def chat(*functions):
    tools = [{"type": "function", "function": each} for each in functions]
    protocol = OpenAIChat()
    request = protocol.parse("/chat/completions", {"model": "m", "messages": [USER], "tools": tools})
    return protocol.violations(request.offered)


def responses(*tools):
    protocol = OpenAIResponses()
    request = protocol.parse("/responses", {"model": "m", "input": "hi", "tools": list(tools)})
    return protocol.violations(request.offered)


def anthropic(*tools):
    protocol = Anthropic()
    body = {"model": "m", "max_tokens": 1, "messages": [USER], "tools": list(tools)}
    return protocol.violations(protocol.parse("/messages", body).offered)


def google(*declarations):
    protocol = Google()
    body = {
        "contents": [{"parts": [{"text": "hi"}]}],
        "tools": [{"functionDeclarations": list(declarations)}],
    }
    return protocol.violations(protocol.parse("/v1beta/models/m:generateContent", body).offered)


def function(parameters, *, strict=False, name="f"):
    return {"name": name, "parameters": parameters, "strict": strict}


OPENAI_BROKEN = [
    (
        function(EMPTY, name="a.b"),
        ["The tool `a.b` has a name that is not 1 to 64 letters, digits, `_` and `-`."],
    ),
    (function({}), ["The tool `f` has parameters whose root is not of type `object`."]),
    (
        function({"type": "array", "items": {}}),
        ["The tool `f` has parameters whose root is not of type `object`."],
    ),
    (function({"type": "object"}), ["The tool `f` has parameters whose root has no `properties`."]),
    (
        function({**EMPTY, "anyOf": [], "not": {}}),
        [
            "The tool `f` has `anyOf` at the root of its parameters.",
            "The tool `f` has `not` at the root of its parameters.",
        ],
    ),
    (
        function({"type": "object", "properties": {"a": {"anyOf": [{"type": ["array", "null"]}]}}}),
        ["The tool `f` has an array without `items` at `properties.a.anyOf.0`."],
    ),
    (
        function({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, strict=True),
        [
            "The tool `f` is strict and has properties that are not required (`a`) at the root.",
            "The tool `f` is strict; an object lacks `additionalProperties: false` at the root.",
        ],
    ),
    (
        function(
            {
                "type": "object",
                "properties": {"a": {"oneOf": [{"type": "string"}]}},
                "required": ["a"],
                "additionalProperties": False,
            },
            strict=True,
        ),
        ["The tool `f` is strict and has `oneOf`, which strict schemas do not support, at `properties.a`."],
    ),
]


@pytest.mark.parametrize(("declared", "sentences"), OPENAI_BROKEN)
def test_openai_names_every_rule_that_a_function_breaks(declared, sentences):
    assert chat(declared) == sentences
    assert responses({"type": "function", **declared}) == sentences


@pytest.mark.parametrize(
    "declared",
    [
        {"name": "a" * 64},
        function(None),
        function({"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}], "default": 1}}}),
        function({"type": "object", "properties": {"anyOf": {"type": "string", "minLength": 1}}}),
        function(
            {
                "type": "object",
                "properties": {"a": {"type": ["string", "null"], "pattern": "x"}, "b": {"$ref": "#/$defs/B"}},
                "required": ["a", "b"],
                "additionalProperties": False,
                "$defs": {"B": {"type": "object", "properties": {}, "additionalProperties": False}},
            },
            strict=True,
        ),
    ],
)
def test_openai_takes_what_the_rules_allow(declared):
    assert chat(declared) == []
    assert responses({"type": "function", **declared}) == []


def test_chat_takes_128_tools_and_responses_more():
    functions = [function(EMPTY, name=f"f{number}") for number in range(129)]
    assert chat(*functions[:128]) == []
    assert chat(*functions) == ["129 tools are offered; at most 128 may be."]
    assert responses(*({"type": "function", **each} for each in functions)) == []


def test_names_must_be_unique():
    twice = "The tool `f` is offered 2 times; tool names must be unique."
    assert chat(function(EMPTY), function(EMPTY)) == [twice]
    assert responses(*[{"type": "function", **function(EMPTY)}] * 2) == [twice]
    assert anthropic(*[{"name": "f", "input_schema": EMPTY}] * 2) == [twice]
    assert google({"name": "f"}, {"name": "f"}) == [twice]


@pytest.mark.parametrize(
    ("name", "schema", "sentences"),
    [
        ("a.b", EMPTY, ["The tool `a.b` has a name that is not 1 to 128 letters, digits, `_` and `-`."]),
        ("a" * 128, EMPTY, []),
        ("f", {"properties": {}}, ["The tool `f` has an input schema whose root is not of type `object`."]),
        ("f", {"type": "object"}, []),
        ("f", {**EMPTY, "oneOf": []}, ["The tool `f` has `oneOf` at the root of its input schema."]),
        (
            "f",
            {"type": "object", "properties": {"f[id]": {}, "a.b-c": {}}},
            ["The tool `f` has a property `f[id]`, which is not 1 to 64 letters, digits, `_`, `.` and `-`."],
        ),
        ("f", {"type": "object", "properties": {"a": {"anyOf": [{"type": "array"}]}}}, []),
    ],
)
def test_anthropic_names_every_rule_that_a_tool_breaks(name, schema, sentences):
    assert anthropic({"name": name, "input_schema": schema}) == sentences


@pytest.mark.parametrize(
    ("declaration", "sentences"),
    [
        ({"name": "a.b:c-d"}, []),
        ({"name": "_" + "a" * 127}, []),
        (
            {"name": "1st"},
            [
                (
                    "The tool `1st` has a name that is not a letter or `_` "
                    "followed by at most 127 letters, digits, `_`, `.`, `:` and `-`."
                ),
            ],
        ),
        ({"name": "f", "parametersJsonSchema": {**EMPTY, "oneOf": [], "$schema": "x"}}, []),
        (
            {"name": "f", "parametersJsonSchema": {"type": "string"}},
            ["The tool `f` has parameters whose root is not of type `object`."],
        ),
        (
            {"name": "f", "parametersJsonSchema": EMPTY, "parameters": {"type": "OBJECT"}},
            ["The tool `f` has both `parameters` and `parametersJsonSchema`, which exclude each other."],
        ),
        (
            {"name": "f", "parameters": {"type": "object", "additionalProperties": False, "$schema": "x"}},
            [
                "The tool `f` has `$schema`, which `parameters` does not support, at the root.",
                "The tool `f` has `additionalProperties`, which `parameters` does not support, at the root.",
            ],
        ),
        (
            {
                "name": "f",
                "parameters": {
                    "type": "OBJECT",
                    "properties": {
                        "a-b": {"type": "STRING"},
                        "c": {"type": ["string", "null"]},
                        "d": {"any_of": [{"type": "ARRAY"}]},
                        "e": {"type": "INTEGER", "enum": [1]},
                        "const": {"type": "STRING", "min_length": "1"},
                    },
                },
            },
            [
                "The tool `f` has a `type` that is no single type at `properties.c`.",
                (
                    "The tool `f` has a parameter `a-b`, which is not a letter or `_` "
                    "followed by at most 63 letters, digits and `_`."
                ),
                "The tool `f` has an `enum` with values that are no strings at `properties.e`.",
                "The tool `f` has an array without `items` at `properties.d.anyOf.0`.",
            ],
        ),
    ],
)
def test_google_names_every_rule_that_a_declaration_breaks(declaration, sentences):
    assert google(declaration) == sentences


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_no_tools_break_no_rule(name):
    assert PROTOCOLS[name].violations([]) == []
