"""The generateContent format, in what is its own."""

from __future__ import annotations

import json

import pytest

from matrix.lab.model.protocols.base import Reply, ReplyCall
from matrix.lab.model.protocols.google import Google
from tests.lab.model.protocols.wires.google import ASKED, GenerateWire, conversation

GOOGLE = Google()
PATH = "/v1beta/models/gemini-test:generateContent"
STREAM = "/v1beta/models/gemini-test:streamGenerateContent"
TWO_CALLS = Reply(calls=(ReplyCall("id_a", "add", {"a": 1}), ReplyCall("id_b", "add", {"a": 2})))


@pytest.mark.anyio
async def test_the_sdk_asks_for_a_stream_of_events(provider):
    server = provider(GOOGLE, Reply(text="hello"))
    async with server.client() as http:
        await GenerateWire().stream(http)
    assert server.requests[0].sse


def test_a_stream_is_events_with_alt_sse_and_a_json_array_without():
    reply = Reply("abcd", TWO_CALLS.calls)
    events = GOOGLE.render(GOOGLE.parse(f"{STREAM}?alt=sse", ASKED), reply, response_id="7")
    array = GOOGLE.render(GOOGLE.parse(STREAM, ASKED), reply, response_id="7")
    assert events.content_type.startswith("text/event-stream")
    assert array.content_type.startswith("application/json")
    streamed = [json.loads(chunk.decode().removeprefix("data: ")) for chunk in events.chunks]
    assert json.loads(array.body) == streamed
    assert [chunk["candidates"][0].get("finishReason") for chunk in streamed] == [None] * 5 + ["STOP"]


def test_results_without_ids_belong_to_the_calls_in_order():
    calls = [{"id": "1", "name": "f"}, {"id": "2", "name": "g"}, {"id": "3", "name": "f"}]
    responses = [{"name": each, "response": {"output": each}} for each in ("g", "f", "f")]
    request = GOOGLE.parse(PATH, conversation(calls, responses))
    assert [(each.call_id, each.text) for each in request.results] == [("2", "g"), ("1", "f"), ("3", "f")]


def test_results_are_numbered_where_neither_side_has_ids():
    calls = [{"name": "f"}, {"name": "g"}]
    responses = [{"name": "f", "response": {}}, {"name": "g", "response": {"error": "bad"}}]
    request = GOOGLE.parse(PATH, conversation(calls, responses))
    assert [each.call_id for each in request.results] == ["position-1", "position-2"]
    assert [(each.text, each.is_error) for each in request.results] == [("{}", None), ("bad", True)]


def test_results_with_ids_go_by_them():
    calls = [{"id": "1", "name": "f"}, {"id": "2", "name": "f"}]
    responses = [
        {"id": "2", "name": "f", "response": {"n": 2}},
        {"id": "1", "name": "f", "response": {"n": 1}},
    ]
    request = GOOGLE.parse(PATH, conversation(calls, responses))
    assert [(each.call_id, each.text) for each in request.results] == [("2", '{"n":2}'), ("1", '{"n":1}')]


def offered(declaration):
    (tool,) = GOOGLE.parse(PATH, {**ASKED, "tools": [{"functionDeclarations": [declaration]}]}).offered
    return tool


def test_the_openapi_subset_is_read_as_json_schema():
    declaration = {
        "name": "f",
        "parameters": {
            "type": "OBJECT",
            "properties": {
                "type": {"type": "STRING", "nullable": True, "format": "enum", "enum": ["a", "b"]},
                "numbers": {
                    "type": "ARRAY",
                    "items": {"type": "INTEGER", "enum": ["1", "2"]},
                    "minItems": "1",
                },
                "either": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
                "pet": {"ref": "#/defs/Pet"},
            },
            "required": ["type"],
            "propertyOrdering": ["type"],
            "defs": {"Pet": {"type": "STRING", "example": "Rex"}},
        },
    }
    tool = offered(declaration)
    assert tool.raw == declaration
    assert tool.schema == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", "b", None]},
            "numbers": {"type": "array", "items": {"type": "integer", "enum": [1, 2]}, "minItems": 1},
            "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
            "pet": {"$ref": "#/$defs/Pet"},
        },
        "required": ["type"],
        "$defs": {"Pet": {"type": "string", "examples": ["Rex"]}},
    }


def test_a_json_schema_is_taken_as_it_is():
    schema = {"type": "object", "properties": {"a": {"const": 1}}}
    assert offered({"name": "f", "parametersJsonSchema": schema}).schema == schema
    assert offered({"name": "f", "parameters_json_schema": schema}).schema == schema
    assert offered({"name": "f"}).schema == {"type": "object", "properties": {}}
