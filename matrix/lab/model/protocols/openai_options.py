"""What an OpenAI request says about the answer: which tools may be called, how a text must look, what bounds it.

The fields are those of the `openai` SDK's `types/chat/completion_create_params` and
`types/responses/response_create_params`. What is refused, and in which words, is the API's own error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.base import AnswerFormat, Calling, Limits, Refused, ToolChoice
from matrix.lab.model.protocols.reading import mappings, string
from matrix.lab.model.protocols.sse import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matrix.lab.records import OfferedTool

ANY_OBJECT: Mapping[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
}
"""The schema of an answer that may be any JSON object."""

_CALLING = {"none": Calling.NONE, "required": Calling.MUST}
_MOST_STOPS = 4
_FEWEST_OUTPUT_TOKENS = 16


def tool_choice(body: Mapping[str, Any], offered: Sequence[OfferedTool]) -> ToolChoice:
    """Read `tool_choice` and `parallel_tool_calls`, of either format. Raises Refused where the API refuses them."""
    given, parallel = body.get("tool_choice"), body.get("parallel_tool_calls") is not False
    if isinstance(given, str):
        calling, allowed = _CALLING.get(given, Calling.MAY), None
    elif mapping(given).get("type") == "allowed_tools":
        within = mapping(mapping(given).get("allowed_tools", given))
        calling = _CALLING.get(string(within.get("mode")), Calling.MAY)
        allowed = _offered_names(mappings(within.get("tools")), offered)
    elif mapping(given).get("type") == "function":
        calling, allowed = Calling.MUST, _offered_names([mapping(given)], offered)
        if not allowed:
            raise Refused("Tool choice 'function' not found in 'tools' parameter.", param="tool_choice")
    else:
        # Absent, or one of the tools that the provider or a grammar has: nothing that could be played here.
        calling, allowed = Calling.MAY, None
    if calling is Calling.MUST and not body.get("tools") and not offered:
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise Refused(message, param="tool_choice")
    return ToolChoice(calling, allowed, parallel)


def chat_answer(body: Mapping[str, Any]) -> AnswerFormat | None:
    """Read `response_format` of a chat completion. Raises Refused where the API refuses it."""
    given = mapping(body.get("response_format"))
    if given.get("type") == "json_schema":
        return _by_schema(mapping(given.get("json_schema")), "response_format.json_schema")
    if given.get("type") == "json_object":
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
        return _any_object(body.get("messages"), message, "messages")
    return None


def responses_answer(body: Mapping[str, Any]) -> AnswerFormat | None:
    """Read `text.format` of a response. Raises Refused where the API refuses it."""
    given = mapping(mapping(body.get("text")).get("format"))
    if given.get("type") == "json_schema":
        return _by_schema(given, "text.format")
    if given.get("type") == "json_object":
        message = (
            "Response input messages must contain the word 'json' in some form "
            "to use 'text.format' of type 'json_object'."
        )
        return _any_object([body.get("input"), body.get("instructions")], message, "input")
    return None


def chat_limits(body: Mapping[str, Any]) -> Limits:
    """Read `n`, `stop` and the limit on tokens. Raises Refused for those, and for options, that the API refuses."""
    if body.get("stream_options") is not None and body.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(message, param="stream_options")
    if body.get("parallel_tool_calls") is not None and not body.get("tools"):
        message = (
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified."
        )
        raise Refused(message, param="parallel_tool_calls")
    given = body.get("stop")
    stop = (given,) if isinstance(given, str) else tuple(string(each) for each in sequence(given))
    if len(stop) > _MOST_STOPS:
        message = f"Invalid 'stop': array too long. Expected an array with maximum length {_MOST_STOPS}."
        raise Refused(message, param="stop", code="array_above_max_length")
    key = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    return Limits(at_least(body, key, 1), stop, at_least(body, "n", 1) or 1)


def responses_limits(body: Mapping[str, Any]) -> Limits:
    """Read `max_output_tokens`. Raises Refused where it is less than the API allows."""
    return Limits(at_least(body, "max_output_tokens", _FEWEST_OUTPUT_TOKENS))


def at_least(body: Mapping[str, Any], key: str, least: int) -> int | None:
    """Return an integer of the request, None where it is absent. Raises Refused where it is less than allowed."""
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if value < least:
        message = f"Invalid '{key}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
        raise Refused(message, param=key, code="integer_below_min_value")
    return value


def _offered_names(named: Iterable[Mapping[str, Any]], offered: Sequence[OfferedTool]) -> frozenset[str]:
    """Return the names under which the named functions are offered; in a namespace that may be a longer one."""
    names = {string(mapping(each.get("function", each)).get("name")) for each in named}
    return frozenset(tool.name for tool in offered if {tool.name, tool.raw.get("name")} & names)


def _by_schema(given: Mapping[str, Any], where: str) -> AnswerFormat:
    if not string(given.get("name")):
        parameter = f"{where}.name"
        message = f"Missing required parameter: '{parameter}'."
        raise Refused(message, param=parameter, code="missing_required_parameter")
    return AnswerFormat(mapping(given.get("schema")) or ANY_OBJECT)


def _any_object(messages: Any, message: str, param: str) -> AnswerFormat:
    if "json" not in to_json(messages).lower():
        raise Refused(message, param=param)
    return AnswerFormat(ANY_OBJECT)
