"""What an Anthropic request says about the answer: which tools may be called, how a text must look, what bounds it.

The fields are those of the `anthropic` SDK's `types/message_create_params`; `output_format` is the older name, in
beta, of `output_config.format`. What is refused, and in which words, is the API's own error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.base import AnswerFormat, Calling, Limits, Refused, ToolChoice
from matrix.lab.model.protocols.reading import string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matrix.lab.records import OfferedTool

_CALLING = {"none": Calling.NONE, "any": Calling.MUST, "tool": Calling.MUST}


def tool_choice(body: Mapping[str, Any], offered: Sequence[OfferedTool]) -> ToolChoice:
    """Read `tool_choice`. Raises Refused where the API refuses it."""
    given = mapping(body.get("tool_choice"))
    kind, name = string(given.get("type")), string(given.get("name"))
    calling = _CALLING.get(kind, Calling.MAY)
    if calling is Calling.MUST:
        if not body.get("tools"):
            raise Refused("tool_choice may only be specified while providing tools.")
        if mapping(body.get("thinking")).get("type") == "enabled":
            raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "tool" and name not in {string(mapping(each).get("name")) for each in sequence(body.get("tools"))}:
        raise Refused(f"Tool '{name}' not found in provided tools")
    allowed = frozenset({name} & {tool.name for tool in offered}) if kind == "tool" else None
    return ToolChoice(calling, allowed, given.get("disable_parallel_tool_use") is not True)


def answer_format(body: Mapping[str, Any]) -> AnswerFormat | None:
    """Read `output_config.format`, or `output_format`."""
    given = mapping(mapping(body.get("output_config")).get("format") or body.get("output_format"))
    return AnswerFormat(mapping(given.get("schema"))) if given.get("type") == "json_schema" else None


def limits(body: Mapping[str, Any]) -> Limits:
    """Read `max_tokens` and `stop_sequences`. Raises Refused where the API refuses them."""
    most = body.get("max_tokens")
    if not isinstance(most, int) or isinstance(most, bool):
        raise Refused("max_tokens: Input should be a valid integer")
    if most < 1:
        raise Refused("max_tokens: Input should be greater than or equal to 1")
    thinking = mapping(body.get("thinking"))
    if thinking.get("type") == "enabled" and most <= _number(thinking.get("budget_tokens")):
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
    return Limits(most, tuple(string(each) for each in sequence(body.get("stop_sequences"))))


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
