"""The chat completions format, driven by the real clients."""

from __future__ import annotations

import json

import openai
import pytest
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, ModelRetry
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from matrix.lab.model.protocols.base import Reply, ReplyCall
from matrix.lab.model.protocols.openai_chat import OpenAIChat

CHAT = OpenAIChat()
PATH = "/v1/chat/completions"
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    },
}
TWO_CALLS = Reply(calls=(ReplyCall("call_a", "add", {"a": 1}), ReplyCall("call_b", "add", {"a": 2, "s": "ü\u2028"})))


def sdk(http):
    return openai.AsyncOpenAI(api_key="k", base_url="http://model.test/v1", http_client=http, max_retries=0)


def agent(http):
    return Agent(
        OpenAIChatModel("gpt-test", provider=OpenAIProvider(openai_client=sdk(http))),
        instructions="Be brief.",
    )


@pytest.mark.anyio
async def test_the_sdk_reads_text_and_usage(provider):
    server = provider(CHAT, Reply(text="hello"))
    async with server.client() as http:
        done = await sdk(http).chat.completions.create(model="gpt-test", messages=[{"role": "user", "content": "hi"}])
    assert done.choices[0].message.content == "hello"
    assert done.choices[0].finish_reason == "stop"
    assert (done.usage.prompt_tokens, done.usage.completion_tokens, done.usage.total_tokens) == (32, 8, 40)


@pytest.mark.anyio
async def test_the_sdk_reads_two_calls_of_one_turn(provider):
    server = provider(CHAT, TWO_CALLS)
    async with server.client() as http:
        done = await sdk(http).chat.completions.create(
            model="gpt-test", messages=[{"role": "user", "content": "hi"}], tools=[TOOL]
        )
    calls = done.choices[0].message.tool_calls
    assert [(each.id, each.function.name, json.loads(each.function.arguments)) for each in calls] == [
        ("call_a", "add", {"a": 1}),
        ("call_b", "add", {"a": 2, "s": "ü\u2028"}),
    ]
    assert done.choices[0].finish_reason == "tool_calls"


@pytest.mark.anyio
async def test_the_sdk_puts_a_stream_together(provider):
    server = provider(CHAT, Reply("Let me see.", TWO_CALLS.calls))
    async with (
        server.client() as http,
        sdk(http).chat.completions.stream(
            model="gpt-test",
            messages=[{"role": "user", "content": "hi"}],
            tools=[TOOL],
            stream_options={"include_usage": True},
        ) as stream,
    ):
        done = await stream.get_final_completion()
    assert done.choices[0].message.content == "Let me see."
    assert [json.loads(each.function.arguments) for each in done.choices[0].message.tool_calls] == [
        {"a": 1},
        {"a": 2, "s": "ü\u2028"},
    ]
    assert done.usage.total_tokens == 40


@pytest.mark.anyio
@pytest.mark.parametrize("with_usage", [True, False])
async def test_usage_is_streamed_only_where_it_was_asked_for(provider, with_usage):
    server = provider(CHAT, Reply(text="hello"))
    options = {"stream_options": {"include_usage": True}} if with_usage else {}
    async with server.client() as http:
        stream = await sdk(http).chat.completions.create(
            model="gpt-test", messages=[{"role": "user", "content": "hi"}], stream=True, **options
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.usage is not None for chunk in chunks[-2:]] == [False, with_usage]
    assert chunks[-1].choices == [] if with_usage else chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_ends_in_done_and_is_one_chunk_an_event():
    request = CHAT.parse(PATH, {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True})
    answer = CHAT.render(request, TWO_CALLS, response_id="7")
    assert answer.content_type.startswith("text/event-stream")
    assert answer.chunks[-1] == b"data: [DONE]\n\n"
    assert all(chunk.startswith(b"data: ") and chunk.count(b"\n") == 2 for chunk in answer.chunks)
    assert answer == CHAT.render(request, TWO_CALLS, response_id="7")


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "error"), [(429, openai.RateLimitError), (500, openai.InternalServerError)])
async def test_faults_are_the_sdk_s_own_exceptions(provider, status, error):
    server = provider(CHAT, status)
    async with server.client() as http:
        with pytest.raises(error) as caught:
            await sdk(http).chat.completions.create(model="gpt-test", messages=[{"role": "user", "content": "hi"}])
    assert caught.value.body["type"] == {429: "requests", 500: "server_error"}[status]


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 500])
async def test_a_pydantic_ai_agent_reports_faults(provider, status):
    async with provider(CHAT, status).client() as http:
        with pytest.raises(ModelHTTPError) as caught:
            await agent(http).run("hi")
    assert caught.value.status_code == status


@pytest.mark.anyio
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_pydantic_ai_agent_plays_a_script(provider, streamed):
    server = provider(CHAT, TWO_CALLS, Reply(text="3 and 4"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def add(a: int, s: str = "") -> str:
            """Add two to a number."""
            return f"{a + 2}{s}"

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
    assert (first.model, first.system, first.user_text) == ("gpt-test", "Be brief.", "please add")
    assert first.results == ()
    assert [tool.name for tool in first.offered] == ["add"]
    assert first.offered[0].description == "Add two to a number."
    assert first.offered[0].schema["required"] == ["a"]
    assert [(each.call_id, each.text) for each in second.results] == [("call_a", "3"), ("call_b", "4ü\u2028")]
    assert CHAT.violations(first.offered) == []


@pytest.mark.anyio
async def test_a_failed_tool_is_shown_without_an_error_flag(provider):
    server = provider(CHAT, Reply(calls=(ReplyCall("c1", "fail", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def fail() -> str:
            raise ModelRetry("no luck")

        await subject.run("go")
    (shown,) = server.requests[1].results
    assert "no luck" in shown.text
    assert shown.is_error is None


@pytest.mark.anyio
async def test_an_image_does_not_disturb_the_results(provider):
    server = provider(CHAT, Reply(calls=(ReplyCall("c1", "draw", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = agent(http)

        @subject.tool_plain
        def draw() -> BinaryContent:
            return BinaryContent(b"\x89PNG", media_type="image/png")

        await subject.run("go")
    assert [each.call_id for each in server.requests[1].results] == ["c1"]


def test_results_may_be_lists_of_parts():
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    request = CHAT.parse(
        PATH,
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "S"},
                {"role": "developer", "content": [{"type": "text", "text": "D"}]},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "U"}, {"type": "image_url", "image_url": {}}],
                },
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "a", "content": parts},
            ],
            "tools": [TOOL, {"type": "custom", "custom": {"name": "grammar"}}],
        },
    )
    assert (request.system, request.user_text, request.stream) == ("S\nD", "U", False)
    assert request.results[0].text == "one\ntwo"
    assert request.results[0].parts == tuple(parts)
    assert [tool.name for tool in request.offered] == ["add"]
    assert request.offered[0].raw == TOOL


CALL = {"role": "assistant", "tool_calls": [{"id": "a"}, {"id": "b"}]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"messages": [{"role": "user"}]}, "The request has no `model`."),
        ({"model": "m"}, "The request's `messages` is no list with anything in it."),
        (
            {"model": "m", "messages": [CALL, {"role": "tool", "tool_call_id": "a"}]},
            "The tool call `b` is not followed by a tool message that answers it.",
        ),
        (
            {"model": "m", "messages": [CALL, {"role": "user", "content": "x"}]},
            "The tool call `a` is not followed by a tool message that answers it.",
        ),
        (
            {"model": "m", "messages": [{"role": "tool", "tool_call_id": "z"}]},
            "A tool message answers the call `z`, which was not made just before it.",
        ),
        (
            {
                "model": "m",
                "messages": [{"role": "user"}],
                "tools": [{"type": "function", "function": {"x": 1}}],
            },
            "The request has no `name`.",
        ),
    ],
)
def test_what_the_api_refuses_is_refused_in_a_sentence(body, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        CHAT.parse(PATH, body)
    assert str(caught.value) == sentence


@pytest.mark.anyio
async def test_the_model_list_can_be_asked_for(provider):
    async with provider(CHAT).client() as http:
        client = sdk(http)
        assert [each.id async for each in client.models.list()] == ["scripted"]
        assert (await client.models.retrieve("gpt-test")).id == "gpt-test"
