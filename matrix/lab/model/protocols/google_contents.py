"""The conversation of a Google request: its turns, the calls in them, and what came back to the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping
from matrix.lab.model.protocols.base import Refused, ReplyCall, ShownResult
from matrix.lab.model.protocols.reading import either, join, mappings, string
from matrix.lab.model.protocols.sse import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MEDIA = ("inlineData", "fileData")


@dataclass(frozen=True)
class Turn:
    """Consecutive contents of one side, as one."""

    of_model: bool
    parts: tuple[Mapping[str, Any], ...]

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """The function calls of this turn."""
        return [mapping(each) for part in self.parts if (each := either(part, "functionCall")) is not None]

    @property
    def responses(self) -> list[tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]]:
        """The function responses of this turn, each with the media within it and right behind it."""
        found: list[tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]] = []
        for part in self.parts:
            response = either(part, "functionResponse")
            if response is not None:
                found.append((mapping(response), tuple(mappings(mapping(response).get("parts")))))
            elif found and any(either(part, kind) is not None for kind in _MEDIA):
                found[-1] = (found[-1][0], (*found[-1][1], part))
        return found


def turns_of(contents: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Join the contents into turns."""
    turns: list[Turn] = []
    for content in contents:
        turn = Turn(content.get("role") == "model", tuple(mappings(content.get("parts"))))
        if turns and turns[-1].of_model == turn.of_model:
            turn = Turn(turn.of_model, (*turns.pop().parts, *turn.parts))
        turns.append(turn)
    return turns


def user_text(turns: Sequence[Turn]) -> str:
    """Return the user's texts."""
    return join(string(part.get("text")) for turn in turns if not turn.of_model for part in turn.parts)


def check_calls_are_answered(turns: Sequence[Turn]) -> None:
    """Refuse what the API refuses, in its words: https://github.com/google-gemini/gemini-cli/issues/5443."""
    if any(len(before.calls) != len(after.responses) for before, after in _pairs(turns)):
        raise Refused(
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            "of the function call turn."
        )


def asked_calls(turns: Sequence[Turn]) -> tuple[ReplyCall, ...]:
    """Return the calls of the conversation, with the same ids as `shown_results`."""
    calls = [call for turn in turns for call in turn.calls]
    return tuple(
        ReplyCall(_id_of(call, number), string(call.get("name")), mapping(call.get("args")))
        for number, call in enumerate(calls, start=1)
    )


def shown_results(turns: Sequence[Turn]) -> tuple[ShownResult, ...]:
    """Return what the model was shown, each result with the id of its call.

    A response without an id belongs to the first unanswered call of its name or, failing that, to the first
    unanswered one. Where the agent kept no id on either side, the id is `position-N`: the call was the Nth of
    the conversation, counted from 1.
    """
    found: list[ShownResult] = []
    count = 0
    for before, after in _pairs(turns):
        open_calls: list[tuple[str, str]] = []
        for call in before.calls:
            count += 1
            open_calls.append((_id_of(call, count), string(call.get("name"))))
        for response, media in after.responses:
            call_id = _claim(open_calls, string(response.get("id")), string(response.get("name")))
            found.append(_shown(call_id, mapping(response.get("response")), media))
    return tuple(found)


def _pairs(turns: Sequence[Turn]) -> Iterator[tuple[Turn, Turn]]:
    """Yield every turn with the one after it; an empty turn stands before the first and after the last."""
    nothing = Turn(of_model=True, parts=())
    yield from zip([nothing, *turns], [*turns, nothing], strict=True)


def _id_of(call: Mapping[str, Any], number: int) -> str:
    return string(call.get("id")) or f"position-{number}"


def _claim(open_calls: list[tuple[str, str]], call_id: str, name: str) -> str:
    """Take the call that a response answers off the list and return its id."""
    by_id = [each for each in open_calls if each[0] == call_id]
    by_name = [each for each in open_calls if each[1] == name]
    candidates = by_id or by_name or open_calls
    if not candidates:
        return call_id
    open_calls.remove(candidates[0])
    return call_id or candidates[0][0]


def _shown(call_id: str, response: Mapping[str, Any], media: tuple[Mapping[str, Any], ...]) -> ShownResult:
    """Read a response: a single string stands for itself, anything else for its JSON.

    'Use "output" key to specify function output and "error" key to specify error details'; without either,
    "whole `response` is treated as function output" (`google-genai`, `types.FunctionResponse.response`).
    """
    values = list(response.values())
    text = values[0] if len(values) == 1 and isinstance(values[0], str) else to_json(dict(response))
    return ShownResult(call_id, text, (response, *media), is_error=True if "error" in response else None)
