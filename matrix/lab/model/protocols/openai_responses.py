"""OpenAI responses.

The shapes are those of the `openai` SDK's `types/responses`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matrix.lab.model.protocols import openai_options, openai_shared, openai_side
from matrix.lab.model.protocols.base import (
    Ended,
    ModelRequest,
    OfferedTool,
    Refused,
    Reply,
    ReplyCall,
    ShownResult,
    WireResponse,
)
from matrix.lab.model.protocols.openai_tools import declared, offered_tools
from matrix.lab.model.protocols.reading import bare_path, join, json_mapping, mappings, required_string, string, text_of
from matrix.lab.model.protocols.schemas import duplicate_names
from matrix.lab.model.protocols.sse import (
    CREATED,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    event,
    json_response,
    pieces,
    stream_response,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_USAGE: Mapping[str, Any] = {
    "input_tokens": INPUT_TOKENS,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": OUTPUT_TOKENS,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}

_ECHOED = (
    *("instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "previous_response_id", "reasoning"),
    *("temperature", "text", "tool_choice", "top_p", "truncation"),
)
"""What a response repeats of its request."""


class OpenAIResponses:
    """The wire format of `POST …/responses`."""

    name = "openai-responses"

    def matches(self, path: str) -> bool:
        """Whether the path ends in `/responses`."""
        return bare_path(path).endswith("/responses")

    def side_answer(self, path: str, body: Mapping[str, Any]) -> WireResponse | None:
        """Answer `/responses/input_tokens`, `/models`, `/embeddings` and `/moderations`."""
        if bare_path(path).endswith("/responses/input_tokens"):
            return json_response({"object": "response.input_tokens", "input_tokens": INPUT_TOKENS})
        return openai_side.side_answer(path, body)

    def parse(self, path: str, body: Mapping[str, Any]) -> ModelRequest:  # noqa: ARG002
        """Read a request. Raises ValueError where the API would answer 400."""
        given = _input_items(body)
        _check_calls_are_answered(body, given)
        offered = offered_tools(body)
        return ModelRequest(
            model=required_string(body, "model"),
            system=join([string(body.get("instructions")), _texts(given, "system", "developer")]),
            user_text=_texts(given, "user"),
            offered=offered,
            results=tuple(_shown(each) for each in given if each.get("type") == "function_call_output"),
            stream=body.get("stream") is True,
            raw=body,
            asked=_asked(body, given),
            choice=openai_options.tool_choice(body, offered),
            answer=openai_options.responses_answer(body),
            limits=openai_options.responses_limits(body),
        )

    def render(self, request: ModelRequest, reply: Reply, *, response_id: str) -> WireResponse:
        """Render a turn as one response, or as its events."""
        reply = reply.within(request.limits)
        items = _output_items(request, reply, response_id)
        response = _response(request, response_id, items, reply)
        if request.stream:
            numbered = enumerate(_events(_begun(response), response, items))
            return stream_response(
                event({**data, "sequence_number": number}, name=data["type"]) for number, data in numbered
            )
        return json_response(response)

    def render_fault(self, status: int, problem: ValueError | None = None) -> WireResponse:
        """Render the API's error body."""
        return openai_shared.fault(status, problem)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Name the rules broken: those of `openai_shared`, and unique names within a namespace.

        No limit on the number of tools is published for this endpoint.
        """
        functions = [openai_shared.Function.read(tool.raw) for tool in offered]
        names = [_full_name(tool.raw.get("namespace"), tool.raw.get("name")) for tool in offered]
        return sorted(openai_shared.broken_rules(functions) + duplicate_names(names))


def _full_name(namespace: Any, name: Any) -> str:
    """Return `namespace.name`, or the name alone where there is no namespace."""
    return ".".join(part for part in (string(namespace), string(name)) if part)


def _input_items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return mappings(given)


def _texts(given: Sequence[Mapping[str, Any]], *roles: str) -> str:
    # An "easy" input message has a role and no type.
    messages = [each for each in given if each.get("type", "message") == "message"]
    return join(text_of(each.get("content")) for each in messages if each.get("role") in roles)


def _asked(body: Mapping[str, Any], given: Sequence[Mapping[str, Any]]) -> tuple[ReplyCall, ...]:
    offered = {(each.name, each.namespace): each.offered_name for each in declared(body)}
    return tuple(
        ReplyCall(
            string(each.get("call_id")),
            offered.get((string(each.get("name")), each.get("namespace")), string(each.get("name"))),
            json_mapping(each.get("arguments")),
        )
        for each in given
        if each.get("type") == "function_call"
    )


def _shown(item: Mapping[str, Any]) -> ShownResult:
    output = item.get("output")
    return ShownResult(string(item.get("call_id")), text_of(output), tuple(mappings(output)))


def _check_calls_are_answered(body: Mapping[str, Any], given: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what the API refuses, in its words; the call may also be in the stored conversation that goes on.

    Reported in https://github.com/symgraph/GhidrAssist/issues/78 and
    https://github.com/continuedev/continue/issues/10092.
    """
    made = [string(each.get("call_id")) for each in given if each.get("type") == "function_call"]
    answered = [string(each.get("call_id")) for each in given if each.get("type") == "function_call_output"]
    for call_id in made:
        if call_id not in answered:
            raise Refused(f"No tool output found for function call {call_id}.", param="input")
    if body.get("previous_response_id") or body.get("conversation"):
        return
    for call_id in answered:
        if call_id and call_id not in made:
            raise Refused(f"No tool call found for function call output with call_id {call_id}.", param="input")


def _output_items(request: ModelRequest, reply: Reply, response_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.text is not None or not reply.calls:
        part = _text_part(reply.text or "")
        items.append(
            {
                "id": f"msg_{response_id}",
                "type": "message",
                "status": "incomplete" if reply.ended is Ended.AT_MAX_TOKENS else "completed",
                "role": "assistant",
                "content": [part],
            }
        )
    known = declared(request.raw)
    for index, call in enumerate(reply.calls):
        match = next((each for each in known if each.offered_name == call.name), None)
        name, namespace = (match.name, match.namespace) if match else (call.name, None)
        items.append(_call_item(call, f"fc_{response_id}_{index}", name, namespace))
    return items


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(call: ReplyCall, item_id: str, name: str, namespace: str | None) -> dict[str, Any]:
    item = {
        "id": item_id,
        "type": "function_call",
        "status": "completed",
        "call_id": call.call_id,
        "name": name,
        "arguments": to_json(dict(call.arguments)),
    }
    return item if namespace is None else {**item, "namespace": namespace}


def _response(
    request: ModelRequest, response_id: str, items: Sequence[Mapping[str, Any]], reply: Reply
) -> dict[str, Any]:
    cut = reply.ended is Ended.AT_MAX_TOKENS
    said = {key: request.raw[key] for key in _ECHOED if request.raw.get(key) is not None}
    return {
        "id": f"resp_{response_id.removeprefix('resp_')}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": request.model,
        "output": list(items),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _USAGE,
        "user": None,
        **said,
    }


def _begun(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response as it is when it has just begun."""
    return {**response, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}


def _events(
    begun: Mapping[str, Any], response: Mapping[str, Any], items: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(items):
        emptied: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
        started = {**item, "status": "in_progress", **emptied}
        yield {"type": "response.output_item.added", "output_index": index, "item": started}
        yield from _message_events(item, index) if item["type"] == "message" else _call_events(item, index)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


def _message_events(item: Mapping[str, Any], index: int) -> Iterator[dict[str, Any]]:
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    yield {"type": "response.content_part.added", **where, "part": _text_part("")}
    for piece in pieces(part["text"]):
        yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": part}


def _call_events(item: Mapping[str, Any], index: int) -> Iterator[dict[str, Any]]:
    where = {"item_id": item["id"], "output_index": index}
    for piece in pieces(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **where, "delta": piece}
    yield {
        "type": "response.function_call_arguments.done",
        **where,
        "arguments": item["arguments"],
    }
