"""The chat completions format, in what is its own."""

from __future__ import annotations

import pytest
from pydantic_ai import BinaryContent

from matrix.lab.model.protocols.base import Reply, ReplyCall
from matrix.lab.model.protocols.openai_chat import OpenAIChat
from tests.lab.model.protocols.wires.openai_chat import TOOL, ChatWire, sdk

CHAT = OpenAIChat()
PATH = "/v1/chat/completions"
TWO_CALLS = Reply(calls=(ReplyCall("call_a", "add", {"a": 1}), ReplyCall("call_b", "add", {"a": 2, "s": "ü\u2028"})))


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
async def test_an_image_does_not_disturb_the_results(provider):
    server = provider(CHAT, Reply(calls=(ReplyCall("c1", "draw", {}),)), Reply(text="ok"))
    async with server.client() as http:
        subject = ChatWire().agent(http, "gpt-test")

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
