"""The responses format, in what is its own."""

from __future__ import annotations

import json

from matrix.lab.model.protocols.base import Reply, ReplyCall
from matrix.lab.model.protocols.openai_responses import OpenAIResponses
from tests.lab.model.protocols.wires.openai_responses import OUTPUT, TOOL

RESPONSES = OpenAIResponses()
PATH = "/v1/responses"
TWO_CALLS = Reply(calls=(ReplyCall("call_a", "add", {"a": 1}), ReplyCall("call_b", "add", {"a": 2})))


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


def test_an_output_may_answer_a_call_of_the_stored_conversation():
    request = RESPONSES.parse(PATH, {"model": "m", "input": [OUTPUT], "previous_response_id": "resp_1"})
    assert request.results[0].call_id == "a"
