"""OpenAI chat completions, the format that most providers and gateways copy.

The shapes are those of the `openai` SDK's `types/chat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping
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
from matrix.lab.model.protocols.reading import (
    bare_path,
    join,
    json_mapping,
    mappings,
    required_list,
    required_string,
    string,
    text_of,
)
from matrix.lab.model.protocols.schemas import EMPTY_OBJECT, duplicate_names
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

_MOST_TOOLS = 128

_USAGE: Mapping[str, Any] = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


@dataclass(frozen=True)
class ChatRequest(ModelRequest):
    """A request; `by_openrouter` says whether it is OpenRouter that answers, which names who did as `provider`.

    https://openrouter.ai/docs/api-reference/overview: its API is at `/api/v1`.
    """

    by_openrouter: bool = False


class OpenAIChat:
    """The wire format of `POST …/chat/completions`."""

    name = "openai-chat"

    def matches(self, path: str) -> bool:
        """Whether the path ends in `/chat/completions`."""
        return bare_path(path).endswith("/chat/completions")

    def side_answer(self, path: str, body: Mapping[str, Any]) -> WireResponse | None:
        """Answer `/models`, `/embeddings` and `/moderations`."""
        return openai_side.side_answer(path, body)

    def parse(self, path: str, body: Mapping[str, Any]) -> ModelRequest:
        """Read a request. Raises ValueError where the API would answer 400."""
        model = required_string(body, "model")
        messages = required_list(body, "messages")
        _check_calls_are_answered(messages)
        offered = tuple(_offered(tool) for tool in mappings(body.get("tools")) if _is_function(tool))
        return ChatRequest(
            model=model,
            system=_texts(messages, "system", "developer"),
            user_text=_texts(messages, "user"),
            offered=offered,
            results=tuple(_shown(each) for each in messages if each.get("role") == "tool"),
            stream=body.get("stream") is True,
            raw=body,
            asked=tuple(_asked(call) for each in messages for call in mappings(each.get("tool_calls"))),
            choice=openai_options.tool_choice(body, offered),
            answer=openai_options.chat_answer(body),
            limits=openai_options.chat_limits(body),
            by_openrouter=bare_path(path).endswith("/api/v1/chat/completions"),
        )

    def render(self, request: ModelRequest, reply: Reply, *, response_id: str) -> WireResponse:
        """Render a turn as one completion, or as its chunks."""
        reply = reply.within(request.limits)
        head: dict[str, Any] = {"id": f"chatcmpl-{response_id}", "created": CREATED, "model": request.model}
        if isinstance(request, ChatRequest) and request.by_openrouter:
            head["provider"] = "OpenAI"
        if request.stream:
            return stream_response(_events(request, reply, head))
        message: dict[str, Any] = {
            "role": "assistant",
            "content": _content(reply),
            "refusal": None,
            "annotations": [],
        }
        if reply.calls:
            message["tool_calls"] = [_call(call, to_json(dict(call.arguments))) for call in reply.calls]
        choice = {"message": message, "logprobs": None, "finish_reason": _finish(reply)}
        choices = [{"index": index, **choice} for index in range(request.limits.alternatives)]
        return json_response({**head, "object": "chat.completion", "choices": choices, "usage": _USAGE})

    def render_fault(self, status: int, problem: ValueError | None = None) -> WireResponse:
        """Render the API's error body."""
        return openai_shared.fault(status, problem)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Name the rules broken: those of `openai_shared`, unique names, and at most 128 tools.

        The number is the API's own refusal: "Invalid 'tools': array too long. Expected an array with maximum
        length 128" (code `array_above_max_length`).
        """
        functions = [openai_shared.Function.read(mapping(tool.raw.get("function"))) for tool in offered]
        found = openai_shared.broken_rules(functions) + duplicate_names(each.name for each in functions)
        if len(offered) > _MOST_TOOLS:
            found.append(f"{len(offered)} tools are offered; at most {_MOST_TOOLS} may be.")
        return sorted(found)


def _is_function(tool: Mapping[str, Any]) -> bool:
    return tool.get("type") == "function" and isinstance(tool.get("function"), dict)


def _offered(tool: Mapping[str, Any]) -> OfferedTool:
    function = mapping(tool["function"])
    schema = mapping(function.get("parameters")) or EMPTY_OBJECT
    return OfferedTool(required_string(function, "name"), string(function.get("description")), schema, dict(tool))


def _texts(messages: Sequence[Mapping[str, Any]], *roles: str) -> str:
    return join(text_of(each.get("content")) for each in messages if each.get("role") in roles)


def _asked(call: Mapping[str, Any]) -> ReplyCall:
    function = mapping(call.get("function"))
    return ReplyCall(string(call.get("id")), string(function.get("name")), json_mapping(function.get("arguments")))


def _shown(message: Mapping[str, Any]) -> ShownResult:
    content = message.get("content")
    return ShownResult(string(message.get("tool_call_id")), text_of(content), tuple(mappings(content)))


def _check_calls_are_answered(messages: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what the API refuses, in its words (with their "preceeding").

    Reported in https://github.com/BerriAI/litellm/issues/10083, and at
    https://community.openai.com/t/error-for-messages-assistant-tool-calls-id-object/626732.
    """
    made: set[str] = set()
    waiting: list[str] = []
    for message in messages:
        if message.get("role") == "tool":
            call_id = string(message.get("tool_call_id"))
            if call_id not in made:
                raise Refused(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'."
                )
            waiting = [each for each in waiting if each != call_id]
            continue
        _check_none_waits(waiting)
        waiting = [string(call.get("id")) for call in mappings(message.get("tool_calls"))]
        made = set(waiting)
    _check_none_waits(waiting)


def _check_none_waits(waiting: Sequence[str]) -> None:
    if waiting:
        raise Refused(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(waiting)}"
        )


def _content(reply: Reply) -> str | None:
    return reply.text if reply.text is not None or reply.calls else ""


def _finish(reply: Reply) -> str:
    if reply.calls:
        return "tool_calls"
    return "length" if reply.ended is Ended.AT_MAX_TOKENS else "stop"


def _call(call: ReplyCall, arguments: str) -> dict[str, Any]:
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _events(request: ModelRequest, reply: Reply, head: Mapping[str, Any]) -> Iterator[bytes]:
    with_usage = mapping(request.raw.get("stream_options")).get("include_usage") is True
    frame: dict[str, Any] = {**head, "object": "chat.completion.chunk"}
    # Where usage was asked for, every chunk but the last has it as null.
    no_usage = {"usage": None} if with_usage else {}
    for index in range(request.limits.alternatives):
        for delta in _deltas(reply):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            yield event({**frame, "choices": [choice], **no_usage})
        last: dict[str, Any] = {"index": index, "delta": {}, "logprobs": None, "finish_reason": _finish(reply)}
        yield event({**frame, "choices": [last], **no_usage})
    if with_usage:
        yield event({**frame, "choices": [], "usage": _USAGE})
    yield b"data: [DONE]\n\n"


def _deltas(reply: Reply) -> Iterator[dict[str, Any]]:
    content = _content(reply)
    yield {"role": "assistant", "content": None if content is None else "", "refusal": None}
    for piece in pieces(content) if content else ():
        yield {"content": piece}
    for index, call in enumerate(reply.calls):
        yield {"tool_calls": [{"index": index, **_call(call, "")}]}
        for piece in pieces(to_json(dict(call.arguments))):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
