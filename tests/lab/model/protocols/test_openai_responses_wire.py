"""The responses format, driven by the real clients."""

from __future__ import annotations

import json

import openai
import pytest
from pydantic_ai import Agent, BinaryContent, ModelHTTPError
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.lab.model.protocols.base import Reply, ReplyCall
from matrix.lab.model.protocols.openai_responses import OpenAIResponses

RESPONSES = OpenAIResponses()
PATH = "/v1/responses"
TOOL = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    "strict": False,
}
TWO_CALLS = Reply(calls=(ReplyCall("call_a", "add", {"a": 1}), ReplyCall("call_b", "add", {"a": 2})))


def sdk(http):
    return openai.AsyncOpenAI(api_key="k", base_url="http://model.test/v1", http_client=http, max_retries=0)


def agent(http):
    return Agent(
        OpenAIResponsesModel("gpt-test", provider=OpenAIProvider(openai_client=sdk(http))),
        instructions="Be brief.",
    )


@pytest.mark.anyio
async def test_the_sdk_reads_text_and_usage(provider):
    server = provider(RESPONSES, Reply(text="hello"))
    async with server.client() as http:
        done = await sdk(http).responses.create(model="gpt-test", input="hi", instructions="Be brief.")
    assert (done.output_text, done.status) == ("hello", "completed")
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (32, 8, 40)
    assert (server.requests[0].system, server.requests[0].user_text) == ("Be brief.", "hi")


@pytest.mark.anyio
async def test_the_sdk_reads_two_calls_of_one_turn(provider):
    server = provider(RESPONSES, TWO_CALLS)
    async with server.client() as http:
        done = await sdk(http).responses.create(model="gpt-test", input="hi", tools=[TOOL])
    assert [(each.call_id, each.name, json.loads(each.arguments)) for each in done.output] == [
        ("call_a", "add", {"a": 1}),
        ("call_b", "add", {"a": 2}),
    ]
    assert len({each.id for each in done.output}) == 2


@pytest.mark.anyio
async def test_the_sdk_puts_a_stream_together(provider):
    server = provider(RESPONSES, Reply("Let me see.", TWO_CALLS.calls))
    async with (
        server.client() as http,
        sdk(http).responses.stream(model="gpt-test", input="hi", tools=[TOOL]) as stream,
    ):
        kinds = [event.type async for event in stream]
        done = await stream.get_final_response()
    assert done.output_text == "Let me see."
    assert [json.loads(each.arguments) for each in done.output[1:]] == [{"a": 1}, {"a": 2}]
    assert done.usage.total_tokens == 40
    assert [kinds[0], kinds[-1]] == ["response.created", "response.completed"]


def test_the_events_of_a_stream_are_complete_and_in_order():
    request = RESPONSES.parse(PATH, {"model": "m", "input": "hi", "stream": True})
    answer = RESPONSES.render(request, Reply("ab", (ReplyCall("c", "f", {}),)), response_id="resp_7")
    events = [json.loads(chunk.decode().split("data: ", 1)[1]) for chunk in answer.chunks]
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert all(
        chunk.startswith(f"event: {each['type']}\n".encode()) for chunk, each in zip(answer.chunks, events, strict=True)
    )
    assert events[0]["response"]["id"] == events[-1]["response"]["id"] == "resp_7"
    assert events[2]["item"]["content"] == []
    assert events[9]["item"]["arguments"] == ""
    assert events[-1]["response"]["output"] == [events[8]["item"], events[13]["item"]]


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "error"), [(429, openai.RateLimitError), (500, openai.InternalServerError)])
async def test_faults_are_the_sdk_s_own_exceptions(provider, status, error):
    async with provider(RESPONSES, status).client() as http:
        with pytest.raises(error):
            await sdk(http).responses.create(model="gpt-test", input="hi")


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 500])
async def test_a_pydantic_ai_agent_reports_faults(provider, status):
    async with provider(RESPONSES, status).client() as http:
        with pytest.raises(ModelHTTPError) as caught:
            await agent(http).run("hi")
    assert caught.value.status_code == status


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_pydantic_ai_agent_plays_a_script(provider, streamed):
    server = provider(RESPONSES, TWO_CALLS, Reply(text="3 and 4"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def add(a: int) -> str:
            """Add two to a number."""
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
    assert [(each.call_id, each.text) for each in second.results] == [("call_a", "3"), ("call_b", "4")]
    assert RESPONSES.violations(first.offered) == []


@pytest.mark.anyio
async def test_an_image_is_among_the_parts_of_its_result(provider):
    server = provider(RESPONSES, Reply(calls=(ReplyCall("c1", "draw", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def draw() -> list:
            return ["a picture", BinaryContent(b"\x89PNG", media_type="image/png")]

        await subject.run("go")
    (shown,) = server.requests[1].results
    assert "a picture" in shown.text
    assert [part["type"] for part in shown.parts] == ["input_text", "input_image"]


def namespaced(*spaces):
    return [
        {"type": "namespace", "name": space, "description": space, "tools": [{**TOOL, "description": space}]}
        for space in spaces
    ]


def test_a_call_to_a_tool_in_a_namespace_carries_the_namespace_back():
    tools = [{"type": "web_search"}, {"type": "custom", "name": "patch"}, *namespaced("mcp__maths")]
    request = RESPONSES.parse(PATH, {"model": "m", "input": "hi", "tools": tools})
    (tool,) = request.offered
    assert (tool.name, tool.raw["namespace"]) == ("add", "mcp__maths")
    body = json.loads(RESPONSES.render(request, TWO_CALLS, response_id="1").body)
    assert [(each["namespace"], each["name"]) for each in body["output"]] == [("mcp__maths", "add")] * 2


def test_tools_of_one_name_in_two_namespaces_are_told_apart():
    request = RESPONSES.parse(PATH, {"model": "m", "input": "hi", "tools": namespaced("a", "b")})
    assert [tool.name for tool in request.offered] == ["a.add", "b.add"]
    reply = Reply(calls=(ReplyCall("c", "b.add", {}),))
    (call,) = json.loads(RESPONSES.render(request, reply, response_id="1").body)["output"]
    assert (call["namespace"], call["name"]) == ("b", "add")
    assert RESPONSES.violations(request.offered) == []


def test_a_call_outside_any_namespace_names_none():
    request = RESPONSES.parse(PATH, {"model": "m", "input": "hi", "tools": [TOOL]})
    (call,) = json.loads(RESPONSES.render(request, Reply(calls=(ReplyCall("c", "ghost", {}),)), response_id="1").body)[
        "output"
    ]
    assert call["name"] == "ghost"
    assert "namespace" not in call


def test_tools_loaded_during_the_conversation_are_offered_once():
    found = {"type": "tool_search_output", "tools": namespaced("a")}
    more = {"type": "additional_tools", "role": "developer", "tools": [{**TOOL, "name": "late"}]}
    request = RESPONSES.parse(PATH, {"model": "m", "input": [found, more], "tools": namespaced("a")})
    assert [tool.name for tool in request.offered] == ["add", "late"]


def test_every_kind_of_input_is_read():
    image = {"type": "input_image", "image_url": "data:image/png;base64,"}
    request = RESPONSES.parse(
        PATH,
        {
            "model": "m",
            "instructions": "I",
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "D"}]},
                {"role": "system", "content": "S"},
                {"role": "user", "content": "U"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]},
                {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
                {
                    "type": "function_call_output",
                    "call_id": "a",
                    "output": [{"type": "input_text", "text": "R"}, image],
                },
            ],
        },
    )
    assert (request.system, request.user_text) == ("I\nD\nS", "U")
    assert (request.results[0].text, request.results[0].parts[1]) == ("R", image)


OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "x"}
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"input": "x"}, "The request has no `model`."),
        ({"model": "m", "input": [CALL]}, "No tool output was found for the function call `a`."),
        ({"model": "m", "input": [OUTPUT]}, "No tool call was found for the function call output `a`."),
    ],
)
def test_what_the_api_refuses_is_refused_in_a_sentence(body, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        RESPONSES.parse(PATH, body)
    assert str(caught.value) == sentence


def test_an_output_may_answer_a_call_of_the_stored_conversation():
    request = RESPONSES.parse(PATH, {"model": "m", "input": [OUTPUT], "previous_response_id": "resp_1"})
    assert request.results[0].call_id == "a"


@pytest.mark.anyio
async def test_tokens_can_be_counted(provider):
    async with provider(RESPONSES).client() as http:
        counted = await sdk(http).responses.input_tokens.count(model="m", input="hi")
    assert counted.input_tokens == 32
