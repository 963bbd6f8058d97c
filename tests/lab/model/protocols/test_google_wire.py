"""The generateContent format, driven by the real clients."""

from __future__ import annotations

import json

import pytest
from google import genai
from google.genai import errors, types
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, ModelRetry
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

from matrix.lab.model.protocols.base import Reply, ReplyCall
from matrix.lab.model.protocols.google import Google

GOOGLE = Google()
PATH = "/v1beta/models/gemini-test:generateContent"
STREAM = "/v1beta/models/gemini-test:streamGenerateContent"
ASKED = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
TWO_CALLS = Reply(calls=(ReplyCall("id_a", "add", {"a": 1}), ReplyCall("id_b", "add", {"a": 2})))


def sdk(http):
    options = types.HttpOptions(base_url="http://model.test", httpx_async_client=http)
    return genai.Client(api_key="k", http_options=options)


def agent(http, model="gemini-test"):
    return Agent(GoogleModel(model, provider=GoogleProvider(client=sdk(http))), instructions="Be brief.")


@pytest.mark.anyio
async def test_the_sdk_reads_text_and_usage(provider):
    server = provider(GOOGLE, Reply(text="hello"))
    async with server.client() as http:
        done = await sdk(http).aio.models.generate_content(
            model="gemini-test",
            contents="hi",
            config=types.GenerateContentConfig(system_instruction="Be brief."),
        )
    assert (done.text, done.candidates[0].finish_reason) == ("hello", types.FinishReason.STOP)
    assert (done.usage_metadata.prompt_token_count, done.usage_metadata.candidates_token_count) == (32, 8)
    request = server.requests[0]
    assert (request.model, request.system, request.user_text) == ("gemini-test", "Be brief.", "hi")


@pytest.mark.anyio
async def test_the_sdk_reads_two_calls_of_one_turn(provider):
    async with provider(GOOGLE, TWO_CALLS).client() as http:
        done = await sdk(http).aio.models.generate_content(model="gemini-test", contents="hi")
    assert [(each.id, each.name, each.args) for each in done.function_calls] == [
        ("id_a", "add", {"a": 1}),
        ("id_b", "add", {"a": 2}),
    ]


@pytest.mark.anyio
async def test_the_sdk_puts_a_stream_together(provider):
    server = provider(GOOGLE, Reply("Let me see.", TWO_CALLS.calls))
    async with server.client() as http:
        stream = await sdk(http).aio.models.generate_content_stream(model="gemini-test", contents="hi")
        parts = [part async for chunk in stream for part in chunk.candidates[0].content.parts]
    assert server.requests[0].sse
    assert "".join(part.text for part in parts if part.text) == "Let me see."
    assert [part.function_call.args for part in parts if part.function_call] == [{"a": 1}, {"a": 2}]


def test_a_stream_is_events_with_alt_sse_and_a_json_array_without():
    reply = Reply("abcd", TWO_CALLS.calls)
    events = GOOGLE.render(GOOGLE.parse(f"{STREAM}?alt=sse", ASKED), reply, response_id="7")
    array = GOOGLE.render(GOOGLE.parse(STREAM, ASKED), reply, response_id="7")
    assert events.content_type.startswith("text/event-stream")
    assert array.content_type.startswith("application/json")
    streamed = [json.loads(chunk.decode().removeprefix("data: ")) for chunk in events.chunks]
    assert json.loads(array.body) == streamed
    assert [chunk["candidates"][0].get("finishReason") for chunk in streamed] == [None] * 5 + ["STOP"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "error", "name"),
    [(429, errors.ClientError, "RESOURCE_EXHAUSTED"), (500, errors.ServerError, "INTERNAL")],
)
async def test_faults_are_the_sdk_s_own_exceptions(provider, status, error, name):
    async with provider(GOOGLE, status).client() as http:
        with pytest.raises(error) as caught:
            await sdk(http).aio.models.generate_content(model="gemini-test", contents="hi")
    assert (caught.value.code, caught.value.status) == (status, name)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 500])
async def test_a_pydantic_ai_agent_reports_faults(provider, status):
    async with provider(GOOGLE, status).client() as http:
        with pytest.raises(ModelHTTPError) as caught:
            await agent(http).run("hi")
    assert caught.value.status_code == status


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_pydantic_ai_agent_plays_a_script(provider, streamed):
    server = provider(GOOGLE, TWO_CALLS, Reply(text="3 and 4"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def add(a: int) -> str:
            """Add two to a number."""
            if a == 2:
                raise ModelRetry("no luck")
            return str(a + 2)

        if streamed:
            async with subject.run_stream("please add") as run:
                output = await run.get_output()
                usage = run.usage
        else:
            done = await subject.run("please add")
            output, usage = done.output, done.usage
    assert output == "3 and 4"
    assert (usage.input_tokens, usage.output_tokens) == (64, 16)
    first, second = server.requests
    assert first.stream is streamed
    assert (first.system, first.user_text) == ("Be brief.", "please add")
    assert [(tool.name, tool.description) for tool in first.offered] == [("add", "Add two to a number.")]
    assert first.offered[0].schema["required"] == ["a"]
    assert [(each.call_id, each.is_error) for each in second.results] == [("id_a", False), ("id_b", True)]
    assert second.results[0].text == "3"
    assert "no luck" in second.results[1].text
    assert GOOGLE.violations(first.offered) == []


@pytest.mark.anyio
@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-pro-preview"])
async def test_an_image_is_among_the_parts_of_its_result(provider, model):
    server = provider(GOOGLE, Reply(calls=(ReplyCall("c1", "draw", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = agent(http, model)

        @subject.tool_plain
        def draw() -> list:
            return ["a picture", BinaryContent(b"\x89PNG", media_type="image/png")]

        await subject.run("go")
    (shown,) = server.requests[1].results
    assert "a picture" in shown.text
    # The SDK passes on the names within a function response as it was given them.
    assert [bool({"inlineData", "inline_data"} & set(part)) for part in shown.parts] == [False, True]


def conversation(calls, responses):
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "U"}]},
            {"role": "model", "parts": [{"functionCall": each} for each in calls]},
            {"role": "user", "parts": [{"functionResponse": each} for each in responses]},
        ]
    }


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
    assert [(each.text, each.is_error) for each in request.results] == [("{}", False), ("bad", True)]


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


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/generateContent", ASKED, "The path names no model."),
        (PATH, {}, "The request's `contents` is no list with anything in it."),
        (
            PATH,
            conversation([{"name": "f"}, {"name": "g"}], [{"name": "f"}]),
            "A turn with 2 function calls is followed by 1 function responses.",
        ),
        (
            PATH,
            {"contents": conversation([{"name": "f"}], [])["contents"][:2]},
            "A turn with 1 function calls is followed by 0 function responses.",
        ),
        (
            PATH,
            {"contents": conversation([], [{"name": "f"}])["contents"][2:]},
            "A turn with 0 function calls is followed by 1 function responses.",
        ),
    ],
)
def test_what_the_api_refuses_is_refused_in_a_sentence(path, body, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        GOOGLE.parse(path, body)
    assert str(caught.value) == sentence


@pytest.mark.anyio
async def test_tokens_can_be_counted_and_models_listed(provider):
    async with provider(GOOGLE).client() as http:
        client = sdk(http).aio
        counted = await client.models.count_tokens(model="gemini-test", contents="hi")
        assert counted.total_tokens == 32
        assert (await client.models.get(model="gemini-test")).name == "models/gemini-test"
        assert [each.name async for each in await client.models.list()] == ["models/scripted"]
