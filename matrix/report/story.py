"""The story of one cell, in order: offered, asked, seen by the server, come back, and where it went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from matrix.json_access import mapping
from matrix.model import Verdict
from matrix.outcome import Outcome
from matrix.redaction import one_sentence, printable
from matrix.report.summary import brief, judged

LINE = 160
STDERR_LINES = 24
"""How many of the last lines a story tells of what a command wrote to standard error; evidence has them all."""
DECISIVE = ">"
"""Marks the line that the verdict rests on."""
_LEAST_WORDS = 8
_NAMED_FIRST = ("name", "uri", "arguments", "content", "structuredContent", "isError")
_WORD = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_ABOUT_OFFERS = {"discovery", "schema"}


@dataclass(frozen=True)
class _Line:
    """Something that happened; `words` is what somebody said there, as a reason may repeat it."""

    at: float
    order: int
    text: str
    words: str = ""
    offer: bool = False
    shown: bool | None = None
    """Whether the model was shown an error there; None where it was shown nothing."""


def tell(outcome: Outcome, evidence: Mapping[str, Any] | None) -> str:
    """Return a cell's story as plain text: what was seen, from its evidence, and what it counts for."""
    if evidence is None:
        again = f"again: {outcome.reproduce}"
        return "\n".join([outcome.cell.id, "", *_verdict(outcome), "No evidence of it was kept.", again])
    server: Mapping[str, Any] = evidence["server"]
    names = _Names(evidence, outcome.reason)
    told = [
        *_model(evidence["model"], names),
        *_frames(server["frames"], names),
        *_http(server["http"]),
        *_processes(server["processes"]),
        *(line for each in evidence["agent"] for line in _agent(each)),
    ]
    told.sort(key=lambda line: (line.at, line.order))
    decisive = _decisive(told, outcome)
    lines = [
        evidence["cell"],
        f"  {evidence['question']}",
        "",
        *(f"{DECISIVE if line is decisive else ' '}{line.at:7.3f}  {line.text}" for line in told),
        *(f"    note  {_note(note)}" for note in evidence["notes"]),
        "",
        *_verdict(outcome),
        f"again: {outcome.reproduce}",
    ]
    return printable("\n".join(lines))


def _decisive(told: Sequence[_Line], outcome: Outcome) -> _Line | None:
    """Return the line that the verdict rests on; None for a cell that is well.

    That is the one whose words the reason repeats. Else it is what the model was offered, where the question is about
    that, or what it was shown, an error before anything else.
    """
    if not outcome.reason or outcome.verdict in {Verdict.PASSED, Verdict.SKIPPED}:
        return None
    repeated = [(len(line.words), at, line) for at, line in enumerate(told) if _is_repeated(line.words, outcome.reason)]
    if repeated:
        return max(repeated, key=lambda each: each[:2])[2]
    if outcome.verdict is Verdict.TIMED_OUT:
        return told[-1] if told else None
    shown = sorted((line for line in told if line.shown is not None), key=lambda line: bool(line.shown))
    offers = [line for line in told if line.offer]
    return next(iter([*(offers if outcome.cell.group in _ABOUT_OFFERS else shown)[-1:], *offers[-1:]]), None)


def _is_repeated(words: str, reason: str) -> bool:
    return len(words) >= _LEAST_WORDS and one_sentence(words) in reason


class _Names:
    """Lists of tools, which are shortened: those that a cell is about are always told."""

    def __init__(self, evidence: Mapping[str, Any], reason: str) -> None:
        calls = [call for each in evidence["model"] for call in each["asked_for"]]
        self._asked = {str(call[key]) for call in calls for key in ("tool", "as")}
        self._named = set(_WORD.findall(reason))

    def listed(self, names: Collection[str]) -> str:
        """Return the names in a line, and how many they are where some are left out."""
        whole = ", ".join(names)
        if len(whole) <= LINE:
            return printable(whole, inline=True)
        kept, length = list[str](), 0
        for name in names:
            length += len(name) + 2
            if length <= LINE or self._in_question(name):
                kept += ["…"] if length > LINE and kept[-1:] != ["…"] and len(kept) else []
                kept.append(name)
        return f"{printable(', '.join(kept), inline=True)}, … ({len(whole)} characters)"

    def _in_question(self, name: str) -> bool:
        return name in self._asked or name in self._named


def listing(outcomes: Sequence[Outcome]) -> str:
    """Return several cells, a line each, failures first."""
    order = {Verdict.PASSED: 2, Verdict.SKIPPED: 1, Verdict.UNSUPPORTED: 1}
    told = sorted(outcomes, key=lambda each: (order.get(each.verdict, 0), each.cell))
    width = max(len(each.verdict.value) for each in told)
    lines = [
        f"{each.verdict.value:<{width}}  {each.cell.id}{': ' + brief(each.reason) if each.reason else ''}"
        for each in told
    ]
    return "\n".join([*lines, "", f"{len(told)} cells; `python -m matrix show CELL` tells the story of one"])


def _verdict(outcome: Outcome) -> list[str]:
    lines = [f"{judged(outcome)}{': ' + outcome.reason if outcome.reason else ''}"]
    if len(outcome.attempts) > 1:
        lines.append(f"attempts: {', '.join(each.value for each in outcome.attempts)}")
    if outcome.rule:
        lines.append(f"the rule: {outcome.rule}")
    if outcome.finding is not None and outcome.finding.reason not in outcome.reason:
        lines.append(f"by itself: {outcome.finding.verdict.value}: {outcome.finding.reason}")
    if outcome.rests_on:
        lines.append(f"the cause is told by: {outcome.rests_on}")
    if outcome.negotiated and outcome.negotiated != outcome.cell.revision:
        lines.append(f"spoken: {outcome.negotiated}")
    lines += [f"advice: {each}" for each in outcome.advice]
    if outcome.expected:
        lines.append(f"expected by the baseline: {outcome.expected}")
    return lines


def _model(exchanges: Sequence[Mapping[str, Any]], names: _Names) -> Iterator[_Line]:
    shown_before: dict[int, set[str]] = {}
    offered_before: dict[int, list[str]] = {}
    with_tools = {each["run"] for each in exchanges if each["offered"]}
    for each in exchanges:
        run, at = each["run"], each["at"]
        # A title, a summary: the agent asks its model for something else beside what the cell is about.
        aside = not each["offered"] and run in with_tools
        who = f"model    run {run}{', aside' if aside else ''}:"
        offered = [tool["name"] for tool in each["offered"]]
        if aside:
            yield _Line(at, 0, f"{who} is asked, without tools: {_short(each.get('user') or '')}")
        elif offered != offered_before.get(run):
            yield _Line(at, 0, f"{who} is offered {len(offered)} tools: {names.listed(offered)}", offer=True)
            offered_before[run] = offered
        for shown in each["shown"]:
            if shown["call_id"] not in shown_before.setdefault(run, set()):
                shown_before[run].add(shown["call_id"])
                error = " (as an error)" if shown["is_error"] else ""
                text = f"{who} is shown {shown['call_id']}{error}: {_short(shown['text'])}"
                yield _Line(at, 1, text, shown["text"], shown=bool(shown["is_error"]))
        for call in each["asked_for"]:
            renamed = f" as {call['as']}" if call["as"] != call["tool"] else ""
            arguments = _json(call["arguments"])
            yield _Line(at, 2, f"{who} calls {call['tool']}{renamed} ({call['call_id']}) with {arguments}")
        if each["said"]:
            yield _Line(at, 2, f"{who} says {_short(each['said'])}")
        if (fault := each.get("fault")) is not None:
            answer = "a body that is no JSON" if fault["malformed"] else f"HTTP {fault['status']}"
            yield _Line(at, 2, f"{who} answers with {answer}, as the question wants it")
        if each["note"]:
            yield _Line(at, 2, f"{who} {each['note']}", each["note"])


def _frames(frames: Iterable[Mapping[str, Any]], names: _Names) -> Iterator[_Line]:
    asked: dict[tuple[str, str, Any], str] = {}  # each side numbers its own requests
    for frame in frames:
        message, session, at = frame["message"], frame["session"], frame["at"]
        arrow, back = ("→", "←") if frame["direction"] == "in" else ("←", "→")
        who = f"server   {session} {arrow}"
        if "method" in message:
            asked[session, arrow, message.get("id")] = message["method"]
            yield _Line(at, 3, f"{who} {message['method']} {_json(message.get('params') or {})}")
        elif "error" in message:
            error: Any = message["error"]
            words = str(mapping(error).get("message", ""))
            yield _Line(at, 3, f"{who} error {_json(error)}", words)
        else:
            method = asked.get((session, back, message.get("id")), "answer")
            yield _Line(at, 3, f"{who} {method}: {_result(method, message.get('result') or {}, names)}")


def _result(method: str, result: Mapping[str, Any], names: _Names) -> str:
    if method == "tools/list":
        listed = [tool["name"] for tool in result.get("tools", [])]
        more = ", and there is a next page" if result.get("nextCursor") else ""
        return f"{len(listed)} tools: {names.listed(listed)}{more}"
    return _json(result)


def _http(exchanges: Iterable[Mapping[str, Any]]) -> Iterator[_Line]:
    for each in exchanges:
        what = f" ({each['rpc_method']})" if each["rpc_method"] else ""
        words = f"{each['rpc_method'] or each['method']} was answered {each['status']}"
        text = f"http     {each['server']}: {each['method']}{what} was answered {each['status']}"
        yield _Line(each["at"], 4, text, words)


def _processes(events: Iterable[Mapping[str, Any]]) -> Iterator[_Line]:
    for each in events:
        detail = "" if each["event"] == "started" else f" {_short(each['detail'])}"
        yield _Line(each["at"], 4, f"process  {each['session']} {each['event']}{detail}".rstrip())


def _agent(run: Mapping[str, Any]) -> Iterator[_Line]:
    """Tell what a run came to: an error whole, and what a command wrote to standard error before it."""
    at, number = run["at"], run["run"]
    lines = [line for line in str(run.get("stderr") or "").splitlines() if line.strip()]
    if len(lines) > STDERR_LINES:
        yield _Line(at, 5, f"agent    run {number} stderr … ({len(lines) - STDERR_LINES} lines before)")
    for line in lines[-STDERR_LINES:]:
        yield _Line(at, 5, f"agent    run {number} stderr {_short(line)}")
    if run["error"] is not None:
        yield _Line(at, 6, f"agent    run {number} raised {printable(run['error'], inline=True)}", run["error"])
    else:
        yield _Line(at, 6, f"agent    run {number} returned {_short(run['answer'] or '')}")


def _note(note: Mapping[str, Any] | str) -> str:
    """Return a note's text; in evidence of before schema version 2 a note is its text."""
    return note if isinstance(note, str) else note["text"]


def _json(value: Any) -> str:
    return _short(json.dumps(_ordered(value), ensure_ascii=False))


def _ordered(value: Any) -> Any:
    """Return an object with what people look for first, and `_meta` last: what is long is cut at its end."""
    if not isinstance(value, Mapping):
        return value
    known = {key: number for number, key in enumerate(_NAMED_FIRST)}
    place = {**known, "_meta": len(known) + 1}
    return dict(sorted(mapping(cast("object", value)).items(), key=lambda entry: place.get(entry[0], len(known))))


def _short(text: str) -> str:
    text = printable(text, inline=True)
    return text if len(text) <= LINE else f"{text[:LINE]}… ({len(text)} characters)"
