"""Whether the events of a stream are of the published types, and come in the published order.

OpenAI: the API reference, "Streaming events"; Anthropic: the guide to streaming messages; Google: the reference of
`streamGenerateContent`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from anthropic.types import RawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matrix.lab.model.protocols.base import WireResponse

    TypeProblems = Callable[[Any, Any], list[str]]


class Ping(TypedDict):
    """An event that may come anywhere in a stream of Anthropic's, and that its SDK has no type for."""

    type: Literal["ping"]


def _by_type(union: Any) -> dict[str, Any]:
    members = get_args(get_args(union)[0] if get_origin(union) is Annotated else union)
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in members}


RESPONSE_EVENTS = _by_type(ResponseStreamEvent)
MESSAGE_EVENTS = {**_by_type(RawMessageStreamEvent), "ping": Ping}


class OpenRouterChunk(ChatCompletionChunk):
    """https://openrouter.ai/docs/api-reference/overview: it says which provider answered."""

    provider: str


def stream_problems(
    protocol: str, path: str, asked: Mapping[str, Any], answer: WireResponse, of_type: TypeProblems
) -> list[str]:
    """Say what is not as published about a stream; `of_type` says what is not about one event."""
    if protocol == "google":
        return _google(_json_events(answer), of_type)
    if not answer.content_type.startswith("text/event-stream"):
        return [f"a stream of {answer.content_type}"]
    events = [_read(each) for each in answer.chunks]
    match protocol:
        case "openai-chat":
            kind = OpenRouterChunk if path.endswith("/api/v1/chat/completions") else ChatCompletionChunk
            wrong = [problem for _, data in events[:-1] for problem in of_type(kind, data)]
            return wrong or _chat(events, asked)
        case "openai-responses":
            return _typed(events, RESPONSE_EVENTS, of_type) or _responses([data for _, data in events])
        case _:
            return _typed(events, MESSAGE_EVENTS, of_type) or _messages([data for _, data in events])


def _read(chunk: bytes) -> tuple[str | None, Any]:
    """Return the name and the data of an event."""
    fields = dict(line.split(": ", 1) for line in chunk.decode().strip().splitlines())
    data = fields["data"]
    return fields.get("event"), data if data == "[DONE]" else json.loads(data)


def _json_events(answer: WireResponse) -> list[Any]:
    if answer.content_type.startswith("text/event-stream"):
        return [_read(each)[1] for each in answer.chunks]
    return json.loads(answer.body)


def _typed(events: Sequence[tuple[str | None, Any]], kinds: Mapping[str, Any], of_type: TypeProblems) -> list[str]:
    found: list[str] = []
    for name, data in events:
        kind = kinds.get(data.get("type"))
        found += [f"no event has the type {data.get('type')}"] if kind is None else of_type(kind, data)
        found += [f"the event {data['type']} is called {name}"] if name != data.get("type") else []
    return found


def _wrong(**rules: bool) -> list[str]:
    """Return the rules that do not hold."""
    return [rule.replace("_", " ") for rule, holds in rules.items() if not holds]


def _chat(events: Sequence[tuple[str | None, Any]], asked: Mapping[str, Any]) -> list[str]:
    if not events or events[-1][1] != "[DONE]":
        return ["the stream does not end with [DONE]"]
    chunks = [data for _, data in events[:-1]]
    by_index: dict[int, list[Any]] = defaultdict(list)
    for chunk in chunks:
        for choice in chunk["choices"]:
            by_index[choice["index"]].append(choice)
    with_usage = (asked.get("stream_options") or {}).get("include_usage") is True
    pieces = chunks[:-1] if with_usage else chunks
    found = _wrong(
        events_have_no_names=all(name is None for name, _ in events),
        chunks_are_of_one_completion=len({(each["id"], each["created"], each["model"]) for each in chunks}) == 1,
        choices_are_as_many_as_asked_for=sorted(by_index) == list(range(asked.get("n") or 1)),
        every_chunk_but_that_of_the_usage_has_one_choice=all(len(each["choices"]) == 1 for each in pieces),
        usage_is_null_until_the_last_chunk=all(("usage" in each) is with_usage for each in chunks)
        and all(each.get("usage") is None for each in pieces),
        the_last_chunk_has_the_usage_alone=not with_usage
        or (chunks[-1]["choices"] == [] and chunks[-1]["usage"] is not None),
    )
    return found + [problem for choices in by_index.values() for problem in _choices(choices)]


def _choices(choices: Sequence[Any]) -> list[str]:
    begun: set[int] = set()
    found: list[str] = []
    for call in [call for each in choices for call in each["delta"].get("tool_calls") or []]:
        first = call["index"] not in begun
        begun.add(call["index"])
        found += _wrong(
            only_the_first_piece_of_a_call_names_it=first == bool(call.get("id") and call["function"].get("name"))
        )
    return found + _wrong(
        the_first_delta_alone_has_the_role=[bool(each["delta"].get("role")) for each in choices]
        == [True] + [False] * (len(choices) - 1),
        the_last_delta_alone_has_the_finish_reason=[bool(each["finish_reason"]) for each in choices]
        == [False] * (len(choices) - 1) + [True],
        calls_are_numbered=sorted(begun) == list(range(len(begun))),
        calls_end_as_calls=bool(begun) == (choices[-1]["finish_reason"] == "tool_calls"),
    )


def _responses(events: Sequence[Any]) -> list[str]:
    kinds = [each["type"].removeprefix("response.") for each in events]
    last = events[-1].get("response", {})
    done = [each["item"] for each in events if each["type"] == "response.output_item.done"]
    found = _wrong(
        sequence_numbers_rise_from_0=[each["sequence_number"] for each in events] == list(range(len(events))),
        it_begins_with_created_and_in_progress=kinds[:2] == ["created", "in_progress"],
        it_ends_once=[each in {"completed", "incomplete", "failed"} for each in kinds]
        == [False] * (len(kinds) - 1) + [True],
        the_end_has_the_status_that_it_says=last.get("status") == kinds[-1],
        only_the_end_has_the_output=events[0]["response"]["output"] == [] and last.get("output") == done,
    )
    for index, item in enumerate(done):
        of_item = [each for each in events if each.get("output_index") == index]
        found += _item(item, of_item)
    return found


def _item(item: Any, events: Sequence[Any]) -> list[str]:
    kinds = [each["type"].removeprefix("response.") for each in events]
    if item["type"] == "message":
        whole, text = "output_text", item["content"][0]["text"]
        order = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
    else:
        whole, text = "function_call_arguments", item["arguments"]
        order = ["function_call_arguments.delta", "function_call_arguments.done"]
    deltas = [each["delta"] for each in events if each["type"].endswith(".delta")]
    return _wrong(
        an_item_s_events_are_in_order=list(dict.fromkeys(kinds)) == ["output_item.added", *order, "output_item.done"],
        an_item_s_events_name_it={each.get("item_id", item["id"]) for each in events} == {item["id"]},
        its_pieces_make_it_up="".join(deltas) == text,
        its_whole_comes_once=kinds.count(f"{whole}.done") == 1,
    )


def _messages(events: Sequence[Any]) -> list[str]:
    events = [each for each in events if each["type"] != "ping"]
    kinds = [each["type"] for each in events]
    if kinds[0] != "message_start" or kinds[-2:] != ["message_delta", "message_stop"]:
        return ["it does not go from message_start to message_delta and message_stop"]
    blocks: dict[int, list[Any]] = defaultdict(list)
    for event in events[1:-2]:
        blocks[event["index"]].append(event)
    in_order = [event for index in sorted(blocks) for event in blocks[index]]
    found = _wrong(
        blocks_come_one_after_the_other=in_order == events[1:-2] and sorted(blocks) == list(range(len(blocks))),
        the_message_is_empty_at_first=events[0]["message"]["content"] == []
        and events[0]["message"]["stop_reason"] is None,
        the_end_says_why=events[-2]["delta"]["stop_reason"] is not None,
    )
    for block in blocks.values():
        inner = [each["type"] for each in block]
        begun = block[0].get("content_block", {})
        found += _wrong(
            a_block_starts_and_stops=inner
            == ["content_block_start", *["content_block_delta"] * (len(block) - 2), "content_block_stop"],
            a_block_is_empty_at_first=begun.get("text", "") == "" and begun.get("input", {}) == {},
        )
    return found


def _google(chunks: Sequence[Any], of_type: TypeProblems) -> list[str]:
    found = [problem for chunk in chunks for problem in of_type(GenerateContentResponse, chunk)]
    if found:
        return found
    ends: dict[int, list[bool]] = defaultdict(list)
    for candidate in [each for chunk in chunks for each in chunk["candidates"]]:
        ends[candidate["index"]].append("finishReason" in candidate)
    return _wrong(
        every_chunk_has_the_usage=all("usageMetadata" in each for each in chunks),
        only_the_last_chunk_says_why_it_ends=all(each == [False] * (len(each) - 1) + [True] for each in ends.values()),
        chunks_are_of_one_response=len({(each["responseId"], each["modelVersion"]) for each in chunks}) == 1,
    )
