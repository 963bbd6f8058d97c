"""What became of the model's calls: whether each reached its server once, with the arguments that were sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from matrix.capabilities.exact import brief, canonical, differences, misshown, symptom_of
from matrix.capabilities.verbs import CellVerbs, Run, expect
from matrix.lab.records import NoteKind, ServerCall
from matrix.lab.trace import Trace

_MOST_PHRASES = 3


def text_to_echo(cell: CellVerbs) -> str:
    """Return the text that every question sends which makes one call of `echo`, so that they can share a run.

    It occurs nowhere else, and has white space at its ends, doubled, and line breaks.
    """
    return f"  {cell.nonce()}  of two\n\n\tlines \n"


def expect_arrived(cell: CellVerbs, tool: str, *sent: Mapping[str, Any], server: str | None = None) -> None:
    """Expect that the server saw exactly these calls of the tool, with these arguments, in this order.

    A request without the key `arguments` means none: the key is optional in every revision (schema,
    `CallToolRequestParams`), so that is a note; `null` is no object, and means nothing.
    """
    seen = cell.trace.calls(tool, server=server)
    expect(seen, _never_called(cell, tool))
    expect(
        len(seen) == len(sent),
        f"the server saw {len(seen)} calls of {tool}, the model made {len(sent)}",
    )
    for each, wanted in zip(seen, sent, strict=True):
        if "arguments" not in each.params and not wanted:
            cell.trace.note(
                NoteKind.ADVICE,
                f"{tool} was called without the key `arguments`, which is allowed; some servers insist on an object",
            )
            continue
        changed = _changes(wanted, each)
        more = f", and {len(changed) - _MOST_PHRASES} more" if len(changed) > _MOST_PHRASES else ""
        expect(
            not changed,
            f"the arguments of {tool} were changed on the way: {'; '.join(changed[:_MOST_PHRASES])}{more}",
            symptom=symptom_of(wanted, each.params.get("arguments", {})),
        )


def expect_shown(run: Run, tool: str, *texts: str) -> None:
    """Expect that the model was shown exactly these texts, one for each call of the tool."""
    shown = run.results(tool)
    expect(len(shown) == len(texts), f"the model was shown {len(shown)} results of {len(texts)} calls of {tool}")
    for each, text in zip(shown, texts, strict=True):
        wrong = misshown(each, text)
        expect(wrong is None, wrong or "")


def shown_instead(run: Run, tool: str, texts: Sequence[str]) -> str:
    """Say, in words that follow a reason, what the model was shown where a text of these was to be, call by call."""
    for each, text in zip_longest(run.shown(tool), texts):
        result = "" if each is None else each.text
        if text is not None and text not in result:
            return f": it was shown {brief(result)}" if result else ": it was shown nothing"
    return ""


@dataclass(frozen=True)
class Repeated:
    """That a server saw a call more often than the model made it; `failing` where only one that fails is made again."""

    sentence: str
    failing: bool = False


def repeated(trace: Trace) -> Repeated | None:
    """Return that a server saw a call more often than the model made it, or None.

    Which call that was, is said where only one that fails is made again: otherwise the agent does so with each.
    Told only where the servers saw more calls in all than the model made: a tool of the agent may lie between the two.
    """
    if any(each.reply is None for each in trace.model):
        return None  # a live model, whose calls are known later
    seen, made = trace.calls(), sum(len(each.names) for each in trace.model)
    if len(seen) <= made:
        return None
    asked = [wanted for each in trace.model if each.reply is not None for wanted in each.reply.calls]
    wanted = Counter((each.tool, canonical(each.arguments)) for each in asked)
    extra = Counter((each.tool, canonical(each.arguments)) for each in seen) - wanted
    if not extra:
        return Repeated(f"the servers saw {len(seen)} calls, the model made {made}")
    same = [each for each in seen if (each.tool, canonical(each.arguments)) == min(extra)]
    times = _times(same, wanted[min(extra)])
    if _failed(same[0]):
        return Repeated(f"the failing call was made {times}: {same[0].tool}", failing=True)
    return Repeated(f"the server saw the call {times}")


def _changes(wanted: Mapping[str, Any], seen: ServerCall) -> Sequence[str]:
    arguments = seen.params.get("arguments", {})
    if isinstance(arguments, Mapping):
        return differences(wanted, arguments)
    return ["`arguments` arrived as null, where MCP wants an object or nothing" if arguments is None else "no object"]


def _never_called(cell: CellVerbs, tool: str) -> str:
    listed = set(cell.trace.listed())
    others = sorted({each.tool for each in cell.trace.calls()} - listed)
    return f"{tool} was never called" + (f"; the server was asked for {', '.join(others)}" if others else "")


def _failed(call: ServerCall) -> bool:
    """Whether a call was answered with an error, or not at all."""
    return call.result is None or call.result.get("isError") is True


def _times(same: Sequence[ServerCall], made: int) -> str:
    if made > 1:
        return f"{len(same)} times where the model made it {made} times"
    return "twice" if len(same) == 2 else f"{len(same)} times"
