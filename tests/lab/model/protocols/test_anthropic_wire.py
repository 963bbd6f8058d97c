"""The messages format, driven by the real clients."""

from __future__ import annotations

import json

import anthropic
import pytest
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, ModelRetry
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from matrix.lab.model.protocols.anthropic import Anthropic
from matrix.lab.model.protocols.base import Reply, ReplyCall

MESSAGES = Anthropic()
PATH = "/v1/messages"
TOOL = {
    "name": "add",
    "description": "Add two numbers.",
    "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
ASKED = {"model": "claude-test", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
TWO_CALLS = Reply(calls=(ReplyCall("toolu_a", "add", {"a": 1}), ReplyCall("toolu_b", "add", {"a": 2})))


def sdk(http):
    return anthropic.AsyncAnthropic(api_key="k", base_url="http://model.test", http_client=http, max_retries=0)


def agent(http):
    return Agent(
        AnthropicModel("claude-test", provider=AnthropicProvider(anthropic_client=sdk(http))),
        instructions="Be brief.",
    )


@pytest.mark.anyio
async def test_the_sdk_reads_text_and_usage(provider):
    async with provider(MESSAGES, Reply(text="hello")).client() as http:
        done = await sdk(http).messages.create(**ASKED)
    assert [block.text for block in done.content] == ["hello"]
    assert done.stop_reason == "end_turn"
    assert (done.usage.input_tokens, done.usage.output_tokens) == (32, 8)


@pytest.mark.anyio
async def test_the_sdk_reads_two_calls_of_one_turn(provider):
    async with provider(MESSAGES, TWO_CALLS).client() as http:
        done = await sdk(http).messages.create(**ASKED, tools=[TOOL])
    assert [(block.id, block.name, block.input) for block in done.content] == [
        ("toolu_a", "add", {"a": 1}),
        ("toolu_b", "add", {"a": 2}),
    ]
    assert done.stop_reason == "tool_use"


@pytest.mark.anyio
async def test_the_sdk_puts_a_stream_together(provider):
    server = provider(MESSAGES, Reply("Let me see.", TWO_CALLS.calls))
    async with server.client() as http, sdk(http).messages.stream(**ASKED, tools=[TOOL]) as stream:
        done = await stream.get_final_message()
    assert done.content[0].text == "Let me see."
    assert [block.input for block in done.content[1:]] == [{"a": 1}, {"a": 2}]
    assert (done.stop_reason, done.usage.input_tokens, done.usage.output_tokens) == ("tool_use", 32, 8)


def test_the_events_of_a_stream_are_complete_and_in_order():
    request = MESSAGES.parse(PATH, {**ASKED, "stream": True})
    answer = MESSAGES.render(request, Reply("ab", (ReplyCall("c", "f", {}),)), response_id="7")
    events = [json.loads(chunk.decode().split("data: ", 1)[1]) for chunk in answer.chunks]
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[6]["content_block"] == {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    assert events[10]["delta"]["stop_reason"] == "tool_use"
    assert answer.chunks[0].startswith(b"event: message_start\ndata: {")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "error"),
    [(429, anthropic.RateLimitError), (500, anthropic.InternalServerError), (529, anthropic.APIStatusError)],
)
async def test_faults_are_the_sdk_s_own_exceptions(provider, status, error):
    async with provider(MESSAGES, status).client() as http:
        with pytest.raises(error) as caught:
            await sdk(http).messages.create(**ASKED)
    kinds = {429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}
    assert caught.value.body["error"]["type"] == kinds[status]


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 500])
async def test_a_pydantic_ai_agent_reports_faults(provider, status):
    async with provider(MESSAGES, status).client() as http:
        with pytest.raises(ModelHTTPError) as caught:
            await agent(http).run("hi")
    assert caught.value.status_code == status


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_pydantic_ai_agent_plays_a_script(provider, streamed):
    server = provider(MESSAGES, TWO_CALLS, Reply(text="3 and 4"))
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
    assert [(each.call_id, each.is_error) for each in second.results] == [
        ("toolu_a", False),
        ("toolu_b", True),
    ]
    assert second.results[0].text == "3"
    assert "no luck" in second.results[1].text
    assert MESSAGES.violations(first.offered) == []


@pytest.mark.anyio
async def test_an_image_is_among_the_parts_of_its_result(provider):
    server = provider(MESSAGES, Reply(calls=(ReplyCall("c1", "draw", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def draw() -> list:
            return ["a picture", BinaryContent(b"\x89PNG", media_type="image/png")]

        await subject.run("go")
    (shown,) = server.requests[1].results
    assert "a picture" in shown.text
    assert [part["type"] for part in shown.parts] == ["text", "image"]


def test_every_kind_of_content_is_read():
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "R", "is_error": True}
    request = MESSAGES.parse(
        PATH,
        {
            **ASKED,
            "system": [{"type": "text", "text": "S"}, {"type": "text", "text": "T"}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "U"}]},
                use,
                {"role": "user", "content": [result, {"type": "text", "text": "V"}]},
            ],
            "tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}],
        },
    )
    assert (request.system, request.user_text) == ("S\nT", "U\nV")
    assert (request.results[0].text, request.results[0].is_error, request.results[0].parts) == ("R", True, ())
    assert [tool.name for tool in request.offered] == ["add"]


def use(*ids):
    return {"role": "assistant", "content": [{"type": "tool_use", "id": each} for each in ids]}


def result(*ids):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": each} for each in ids]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": ""}, "The request has no `model`."),
        ({"messages": []}, "The request's `messages` is no list with anything in it."),
        (
            {"messages": [use("a", "b"), result("a")]},
            "The tool use `b` has no tool result in the next message.",
        ),
        (
            {"messages": [use("a"), {"role": "user", "content": "x"}, use("b"), result("a", "b")]},
            "The tool use `a` has no tool result in the next message.",
        ),
        ({"messages": [result("z")]}, "A tool result answers `z`, which was not made just before it."),
        ({"tools": [{"name": "f"}]}, "The tool `f` has no `input_schema`."),
    ],
)
def test_what_the_api_refuses_is_refused_in_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        MESSAGES.parse(PATH, {**ASKED, **change})
    assert str(caught.value) == sentence


def test_consecutive_messages_of_one_side_are_one_turn():
    messages = [use("a"), use("b"), result("a"), result("b"), use("c"), result("c")]
    request = MESSAGES.parse(PATH, {**ASKED, "messages": messages})
    assert [each.call_id for each in request.results] == ["a", "b", "c"]


@pytest.mark.anyio
async def test_tokens_can_be_counted_and_models_listed(provider):
    async with provider(MESSAGES).client() as http:
        client = sdk(http)
        counted = await client.messages.count_tokens(model="m", messages=ASKED["messages"])
        assert counted.input_tokens == 32
        assert [each.id async for each in client.models.list()] == ["scripted"]
        assert (await client.models.retrieve("claude-test")).id == "claude-test"
