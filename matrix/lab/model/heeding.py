"""How the scripted model heeds what a request asks of its answer, as its provider would make it do.

References: OpenAI, "Function calling" (tool choice, parallel calls) and "Structured outputs"; Anthropic, "Tool use"
(controlling output, parallel use) and "Structured outputs"; Google, "Function calling" (modes).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping
from matrix.lab.model.protocols.base import AnswerFormat, Calling
from matrix.lab.model.protocols.openai_options import ANY_OBJECT
from matrix.lab.model.protocols.sse import to_json
from matrix.lab.model.schema_instance import NoInstanceError, instance_of
from matrix.lab.script import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matrix.lab.model.protocols.base import ModelRequest
    from matrix.lab.records import OfferedTool

ENOUGH = 3
"""How often a tool is called to end a run that it does not end."""

_ENDINGS = (
    *("finalresult", "finalanswer", "finish", "attemptcompletion", "structuredoutput", "submit", "done", "complete"),
    *("respond", "final", "output", "answer", "result", "end"),
)
"""Names of tools that end a run, in frameworks that have one, the likeliest first."""

_WORDS_BEFORE_A_SCHEMA = 300
_ASKS_FOR_AN_ANSWER = re.compile(r"\b(?:respond|answer|reply|output|return|format)", re.IGNORECASE)
_MOST_BRACES = 200


def playable(request: ModelRequest, names: Sequence[str]) -> int:
    """Return how many of the calls, from the first on, the agent lets its model make in this one turn."""
    first_forbidden = next((place for place, name in enumerate(names) if not request.choice.permits(name)), len(names))
    return first_forbidden if request.choice.parallel else min(first_forbidden, 1)


def one_to_call(request: ModelRequest, own: Sequence[OfferedTool], tried: Collection[str]) -> OfferedTool | None:
    """Return the tool to call where the agent demands a call and the script has none, or None.

    A forced tool is taken whosever it is; else one of the agent's `own` that may be called, the least tried one of
    those that are called like an ending.
    """
    if is_forced(request):
        return next((each for each in request.offered if request.choice.permits(each.name)), None)
    times = Counter(call.name for call in request.asked if call.name in tried)
    candidates = [each for each in own if request.choice.permits(each.name) and times[each.name] < ENOUGH]
    return min(candidates, key=lambda each: (times[each.name], _unlikeness(each.name)), default=None)


def ends_by_name(tool: OfferedTool) -> bool:
    """Whether the tool is called like one that ends a run."""
    return _unlikeness(tool.name) < len(_ENDINGS)


def made_up(tool: OfferedTool, text: str) -> Call:
    """Return a call of the tool with arguments made from its schema, the text in them where one is asked for."""
    arguments: Any = {}
    with suppress(NoInstanceError):
        arguments = instance_of(tool.schema, text)
    return Call(tool.name, mapping(arguments), literal=True)


def worded(request: ModelRequest, text: str) -> str:
    """Return the text as the request wants a text to be: an instance of its response schema, where it has one."""
    wanted = request.answer
    if wanted is None or wanted.schema is ANY_OBJECT:
        described = _described_schema(request)
        wanted = wanted if described is None else AnswerFormat(described)
    if wanted is None:
        return text
    try:
        made = instance_of(wanted.schema, text)
    except NoInstanceError:
        return text
    return made if wanted.bare and isinstance(made, str) else to_json(made)


def must_call(request: ModelRequest) -> bool:
    """Whether the agent demands a call."""
    return request.choice.calling is Calling.MUST


def is_forced(request: ModelRequest) -> bool:
    """Whether the agent demands a call of one certain tool."""
    return must_call(request) and request.choice.allowed is not None and len(request.choice.allowed) == 1


def _unlikeness(name: str) -> int:
    """Return how unlike the name of an ending this is: its place among the known ones, or their number."""
    letters = re.sub(r"[^a-z]", "", name.lower())
    whole = [place for place, each in enumerate(_ENDINGS) if letters == each]
    within = [place for place, each in enumerate(_ENDINGS[:8]) if letters.startswith(each) or letters.endswith(each)]
    return min([*whole, *within], default=len(_ENDINGS))


def _described_schema(request: ModelRequest) -> dict[str, Any] | None:
    """Return the schema that the instructions ask the answer to be of, or None.

    A model reads its instructions: where JSON is asked for in words, the schema stands among them.
    """
    texts = [request.system, request.user_text] if request.answer is not None else [request.system]
    return next((schema for text in texts for schema in _schemas_in(text)), None)


def _schemas_in(text: str) -> Iterator[dict[str, Any]]:
    decoder, place = json.JSONDecoder(), -1
    for _ in range(_MOST_BRACES):
        place = text.find("{", place + 1)
        if place < 0:
            return
        try:
            found, end = decoder.raw_decode(text, place)
        except ValueError:
            continue
        words = text[max(0, place - _WORDS_BEFORE_A_SCHEMA) : place]
        asks = "json" in words.lower() and _ASKS_FOR_AN_ANSWER.search(words)
        if asks and isinstance(found.get("properties"), dict) and found.get("type", "object") == "object":
            yield found
        place = end - 1
