"""The messages format, in what is its own."""

from __future__ import annotations

import json

from matrix.lab.model.protocols.anthropic import Anthropic
from matrix.lab.model.protocols.base import Reply, ReplyCall
from tests.lab.model.protocols.wires.anthropic import ASKED, TOOL, result, use

MESSAGES = Anthropic()
PATH = "/v1/messages"
TWO_CALLS = Reply(calls=(ReplyCall("toolu_a", "add", {"a": 1}), ReplyCall("toolu_b", "add", {"a": 2})))


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


def test_consecutive_messages_of_one_side_are_one_turn():
    messages = [use("a"), use("b"), result("a"), result("b"), use("c"), result("c")]
    request = MESSAGES.parse(PATH, {**ASKED, "messages": messages})
    assert [each.call_id for each in request.results] == ["a", "b", "c"]
