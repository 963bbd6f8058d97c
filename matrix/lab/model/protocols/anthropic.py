"""Anthropic messages.

The shapes are those of the `anthropic` SDK's `types`; the order of a stream's events is that of its guide to
streaming messages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping
from matrix.lab.model.protocols import anthropic_options
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
from matrix.lab.model.protocols.reading import (
    bare_path,
    join,
    mappings,
    required_list,
    required_string,
    string,
    text_of,
)
from matrix.lab.model.protocols.schemas import duplicate_names
from matrix.lab.model.protocols.sse import (
    INPUT_TOKENS,
    MODEL_ID,
    OUTPUT_TOKENS,
    event,
    json_response,
    pieces,
    stream_response,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_NOT_AT_THE_ROOT = ("allOf", "anyOf", "oneOf")

_USAGE: Mapping[str, Any] = {
    "input_tokens": INPUT_TOKENS,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": OUTPUT_TOKENS,
}

# https://platform.claude.com/docs/en/api/errors
_FAULTS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "There was an issue with the format or content of your request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource was not found."),
    413: ("request_too_large", "Request exceeds the maximum allowed number of bytes."),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}
_SERVER_FAULT = ("api_error", "Internal server error")

_STOP_REASONS: Mapping[Ended, str] = {
    Ended.BY_ITSELF: "end_turn",
    Ended.AT_MAX_TOKENS: "max_tokens",
    Ended.AT_STOP: "stop_sequence",
}


class Anthropic:
    """The wire format of `POST …/v1/messages`."""

    name = "anthropic"

    def matches(self, path: str) -> bool:
        """Whether the path ends in `/messages`."""
        return bare_path(path).endswith("/messages")

    def side_answer(self, path: str, body: Mapping[str, Any]) -> WireResponse | None:  # noqa: ARG002
        """Answer `/messages/count_tokens`, `/models` and `/models/{id}`."""
        bare = bare_path(path)
        if bare.endswith("/messages/count_tokens"):
            return json_response({"input_tokens": INPUT_TOKENS})
        parent, _, last = bare.rpartition("/")
        if last == "models":
            page = {"data": [_model(MODEL_ID)], "first_id": MODEL_ID, "has_more": False, "last_id": MODEL_ID}
            return json_response(page)
        return json_response(_model(last)) if parent.endswith("/models") else None

    def parse(self, path: str, body: Mapping[str, Any]) -> ModelRequest:  # noqa: ARG002
        """Read a request. Raises ValueError where the API would answer 400."""
        model = required_string(body, "model")
        messages = required_list(body, "messages")
        if "max_tokens" not in body:
            raise ValueError("The request has no `max_tokens`.")
        _check_calls_are_answered(messages)
        offered = tuple(_offered(tool) for tool in mappings(body.get("tools")) if _is_custom(tool))
        return ModelRequest(
            model=model,
            system=join([text_of(body.get("system")), _texts(messages, "system")]),
            user_text=_texts(messages, "user"),
            offered=offered,
            results=tuple(_shown(block) for each in messages for block in _blocks(each, "tool_result")),
            stream=body.get("stream") is True,
            raw=body,
            asked=tuple(_asked(block) for each in messages for block in _blocks(each, "tool_use")),
            choice=anthropic_options.tool_choice(body, offered),
            answer=anthropic_options.answer_format(body),
            limits=anthropic_options.limits(body),
        )

    def render(self, request: ModelRequest, reply: Reply, *, response_id: str) -> WireResponse:
        """Render a turn as one message, or as its events."""
        reply = reply.within(request.limits)
        head = {"id": f"msg_{response_id}", "type": "message", "role": "assistant", "model": request.model}
        content = _content(reply)
        if request.stream:
            return stream_response(event(data, name=data["type"]) for data in _events(reply, head, content))
        return json_response({**head, "content": content, **_stop(reply), "usage": _USAGE})

    def render_fault(self, status: int, problem: ValueError | None = None) -> WireResponse:
        """Render the API's error body."""
        kind, message = _FAULTS.get(status, _SERVER_FAULT)
        error = {"type": kind, "message": message if problem is None else str(problem)}
        return json_response({"type": "error", "error": error, "request_id": "req_scripted"}, status=status)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Name the rules broken; all but one are the API's own refusals, in its words.

        - "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'" (the guide to tool use
          long said 64; the API takes 128);
        - "tools: Tool names must be unique.";
        - "input_schema does not support oneOf, allOf, or anyOf at the top level";
        - "input_schema.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'";
        - the root is of type `object`: the SDK's `ToolParam.input_schema`.
        """
        found = duplicate_names(tool.name for tool in offered)
        return sorted(found + [sentence for tool in offered for sentence in _broken_rules(tool)])


def _broken_rules(tool: OfferedTool) -> Iterator[str]:
    schema = mapping(tool.raw.get("input_schema"))
    if not _NAME.fullmatch(tool.name):
        yield f"The tool `{tool.name}` has a name that is not 1 to 128 letters, digits, `_` and `-`."
    if schema.get("type") != "object":
        yield f"The tool `{tool.name}` has an input schema whose root is not of type `object`."
    for keyword in _NOT_AT_THE_ROOT:
        if keyword in schema:
            yield f"The tool `{tool.name}` has `{keyword}` at the root of its input schema."
    for key in mapping(schema.get("properties")):
        if not _PROPERTY.fullmatch(key):
            yield (
                f"The tool `{tool.name}` has a property `{key}`, "
                "which is not 1 to 64 letters, digits, `_`, `.` and `-`."
            )


def _is_custom(tool: Mapping[str, Any]) -> bool:
    # The provider's own tools have a dated type, as `web_search_20250305`, and no schema.
    return tool.get("type") in (None, "custom")


def _offered(tool: Mapping[str, Any]) -> OfferedTool:
    name = required_string(tool, "name")
    if not mapping(tool.get("input_schema")):
        raise ValueError(f"The tool `{name}` has no `input_schema`.")
    return OfferedTool(name, string(tool.get("description")), mapping(tool["input_schema"]), dict(tool))


def _blocks(message: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in mappings(message.get("content")) if block.get("type") == kind]


def _texts(messages: Sequence[Mapping[str, Any]], role: str) -> str:
    return join(text_of(each.get("content")) for each in messages if each.get("role") == role)


def _asked(block: Mapping[str, Any]) -> ReplyCall:
    return ReplyCall(string(block.get("id")), string(block.get("name")), mapping(block.get("input")))


def _shown(block: Mapping[str, Any]) -> ShownResult:
    content = block.get("content")
    return ShownResult(
        string(block.get("tool_use_id")),
        text_of(content),
        tuple(mappings(content)),
        is_error=block.get("is_error") is True,
    )


def _check_calls_are_answered(messages: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what the API refuses, in its words. Consecutive messages of one role are one turn to the API.

    Reported in https://github.com/anthropics/claude-code/issues/8210 and
    https://github.com/anthropics/claude-code/issues/18947.
    """
    made: set[str] = set()
    waiting: dict[str, int] = {}
    before = ""
    for number, message in enumerate(messages):
        role = string(message.get("role"))
        if role == "assistant":
            if before == "user":
                _check_none_waits(waiting)
                made.clear()
            ids = [string(block.get("id")) for block in _blocks(message, "tool_use")]
            made.update(ids)
            waiting |= dict.fromkeys(ids, number)
        for place, block in enumerate(mappings(message.get("content"))):
            if block.get("type") != "tool_result":
                continue
            call_id = string(block.get("tool_use_id"))
            if call_id not in made:
                raise Refused(
                    f"messages.{number}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{call_id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous "
                    "message."
                )
            waiting.pop(call_id, None)
        before = role if role != "system" else before
    _check_none_waits(waiting)


def _check_none_waits(waiting: Mapping[str, int]) -> None:
    """Raise Refused where calls, each with the number of its message, have no results."""
    if waiting:
        raise Refused(
            f"messages.{next(iter(waiting.values()))}: `tool_use` ids were found without `tool_result` blocks "
            f"immediately after: {', '.join(waiting)}. Each `tool_use` block must have a corresponding `tool_result` "
            "block in the next message."
        )


def _stop(reply: Reply) -> dict[str, str | None]:
    """Return why the message ends, in the two fields that say so."""
    reason = "tool_use" if reply.calls else _STOP_REASONS[reply.ended]
    return {"stop_reason": reason, "stop_sequence": reply.stopped_by}


def _content(reply: Reply) -> list[dict[str, Any]]:
    text = [{"type": "text", "text": reply.text or ""}] if reply.text is not None or not reply.calls else []
    uses = [
        {"type": "tool_use", "id": call.call_id, "name": call.name, "input": dict(call.arguments)}
        for call in reply.calls
    ]
    return [*text, *uses]


def _events(reply: Reply, head: Mapping[str, Any], content: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    begun: dict[str, Any] = {
        **head,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_USAGE, "output_tokens": 1},
    }
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(content):
        yield from _block_events(index, block)
    yield {"type": "message_delta", "delta": _stop(reply), "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


def _block_events(index: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    is_text = block["type"] == "text"
    emptied: dict[str, Any] = {"text": ""} if is_text else {"input": {}}
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **emptied}}
    if index == 0:
        yield {"type": "ping"}
    for piece in pieces(block["text"] if is_text else to_json(block["input"])):
        delta = (
            {"type": "text_delta", "text": piece} if is_text else {"type": "input_json_delta", "partial_json": piece}
        )
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2023-11-14T22:13:20Z",
        "lifecycle": "active",
    }
