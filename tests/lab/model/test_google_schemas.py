"""A Google request may write a schema in two forms, each in camelCase or snake_case; they are read alike."""

from __future__ import annotations

import json

import pytest

from matrix.lab.model.protocols.google import Google
from matrix.lab.model.schema_instance import instance_of
from matrix.lab.script import call, say

pytestmark = pytest.mark.anyio

PATH = "/v1beta/models/gemini-test:generateContent"
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
AS_JSON_SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "times": {"type": ["integer", "null"]}},
    "required": ["text", "times"],
}
AS_JSON_UNION = {
    **AS_JSON_SCHEMA,
    "properties": {"text": {"type": "string"}, "times": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
}
AS_SUBSET = {
    "type": "OBJECT",
    "properties": {"text": {"type": "STRING"}, "times": {"type": "INTEGER", "nullable": True}},
    "required": ["text", "times"],
}
AS_SUBSET_UNION = {
    **AS_SUBSET,
    "properties": {"text": {"type": "STRING"}, "times": {"anyOf": [{"type": "INTEGER"}, {"type": "NULL"}]}},
}
PARAMETERS = [
    pytest.param({"parametersJsonSchema": AS_JSON_SCHEMA}, id="json-schema"),
    pytest.param({"parametersJsonSchema": AS_JSON_UNION}, id="json-schema-union"),
    pytest.param({"parameters_json_schema": AS_JSON_SCHEMA}, id="json_schema"),
    pytest.param({"parameters": AS_SUBSET}, id="subset"),
    pytest.param({"parameters": AS_SUBSET_UNION}, id="subset-union"),
    pytest.param({"parameters": AS_JSON_SCHEMA}, id="json-schema-as-parameters"),
]


def config_of(key, schema):
    snake = "_" in key
    mime = "response_mime_type" if snake else "responseMimeType"
    config = {mime: "application/json", key: schema}
    return {"generation_config" if snake else "generationConfig": config}


ANSWERS = [
    pytest.param(config_of("responseJsonSchema", AS_JSON_SCHEMA), id="json-schema"),
    pytest.param(config_of("responseJsonSchema", AS_JSON_UNION), id="json-schema-union"),
    pytest.param(config_of("response_json_schema", AS_JSON_SCHEMA), id="json_schema"),
    pytest.param(config_of("responseSchema", AS_SUBSET), id="subset"),
    pytest.param(config_of("responseSchema", AS_SUBSET_UNION), id="subset-union"),
    pytest.param(config_of("response_schema", AS_SUBSET), id="subset-in-snake-case"),
]


async def answered(converse, turn, **body):
    conversation = converse(turn)
    answer = await conversation.answer(PATH, json.dumps({"contents": CONTENTS, **body}).encode())
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["candidates"][0]["content"]["parts"][0]


@pytest.mark.parametrize("given", PARAMETERS)
@pytest.mark.parametrize("names", [("functionDeclarations",), ("function_declarations",)], ids=["camel", "snake"])
async def test_a_call_has_null_for_the_nullable_argument_that_the_script_leaves_out(converse, given, names):
    tool = {"name": "srv_echo", "description": "[mcp:srv/echo]", **given}
    part = await answered(converse, call("echo", text="a"), tools=[{names[0]: [tool]}])
    assert part["functionCall"]["args"] == {"text": "a", "times": None}


@pytest.mark.parametrize("given", PARAMETERS)
def test_a_nullable_parameter_is_one_to_whoever_reads_the_offered_schema(given):
    body = {"contents": CONTENTS, "tools": [{"functionDeclarations": [{"name": "f", **given}]}]}
    (offered,) = Google().parse(PATH, body).offered
    assert offered.schema["properties"]["text"] == {"type": "string"}
    assert offered.schema["properties"]["times"] in (
        {"type": ["integer", "null"]},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    )
    assert instance_of(offered.schema, "a")["times"] is None


@pytest.mark.parametrize("given", ANSWERS)
async def test_an_answer_is_an_instance_of_the_response_schema_with_null_where_it_may_be(converse, given):
    part = await answered(converse, say("well"), **given)
    assert json.loads(part["text"]) == {"text": "well", "times": None}
