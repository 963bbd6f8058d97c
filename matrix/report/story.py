"""The story of one cell, in order: offered, asked, seen by the server, come back, and where it went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matrix.model import Verdict
from matrix.outcome import Outcome
from matrix.report.summary import brief, judged

LINE = 160


def tell(outcome: Outcome, evidence: Mapping[str, Any] | None) -> str:
    """Return a cell's story as plain text: what was seen, from its evidence, and what it counts for."""
    if evidence is None:
        again = f"again: {outcome.reproduce}"
        return "\n".join([outcome.cell.id, "", *_verdict(outcome), "No evidence of it was kept.", again])
    server: Mapping[str, Any] = evidence["server"]
    told: list[tuple[float, int, str]] = []
    told += _model(evidence["model"])
    told += _frames(server["frames"])
    told += _http(server["http"])
    told += _processes(server["processes"])
    told += [(each["at"], 5, _agent(each)) for each in evidence["agent"]]
    lines = [
        evidence["cell"],
        f"  {evidence['question']}",
        "",
        *(f"{at:8.3f}  {text}" for at, _, text in sorted(told, key=lambda entry: (entry[0], entry[1]))),
        *(f"    note  {_note(note)}" for note in evidence["notes"]),
        "",
        *_verdict(outcome),
        f"again: {outcome.reproduce}",
    ]
    return "\n".join(lines)


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
    if outcome.expected:
        lines.append(f"expected by the baseline: {outcome.expected}")
    return lines


def _model(exchanges: Iterable[Mapping[str, Any]]) -> Iterable[tuple[float, int, str]]:
    shown_before: dict[int, set[str]] = {}
    offered_before: dict[int, list[str]] = {}
    for each in exchanges:
        run = each["run"]
        who = f"model    run {run}:"
        names = [tool["name"] for tool in each["offered"]]
        if names != offered_before.get(run):
            yield each["at"], 0, f"{who} is offered {len(names)} tools: {_short(', '.join(names))}"
            offered_before[run] = names
        for shown in each["shown"]:
            if shown["call_id"] not in shown_before.setdefault(run, set()):
                shown_before[run].add(shown["call_id"])
                error = " (as an error)" if shown["is_error"] else ""
                yield each["at"], 1, f"{who} is shown {shown['call_id']}{error}: {_short(shown['text'])}"
        for call in each["asked_for"]:
            renamed = f" as {call['as']}" if call["as"] != call["tool"] else ""
            arguments = _json(call["arguments"])
            yield each["at"], 2, f"{who} calls {call['tool']}{renamed} ({call['call_id']}) with {arguments}"
        if each["said"]:
            yield each["at"], 2, f"{who} says {_short(each['said'])}"
        if each["note"]:
            yield each["at"], 2, f"{who} {each['note']}"


def _frames(frames: Iterable[Mapping[str, Any]]) -> Iterable[tuple[float, int, str]]:
    asked: dict[tuple[str, str, Any], str] = {}  # each side numbers its own requests
    for frame in frames:
        message, session = frame["message"], frame["session"]
        arrow, back = ("→", "←") if frame["direction"] == "in" else ("←", "→")
        who = f"server   {session} {arrow}"
        if "method" in message:
            asked[session, arrow, message.get("id")] = message["method"]
            yield frame["at"], 3, f"{who} {message['method']} {_json(message.get('params') or {})}"
        elif "error" in message:
            yield frame["at"], 3, f"{who} error {_json(message['error'])}"
        else:
            method = asked.get((session, back, message.get("id")), "answer")
            yield frame["at"], 3, f"{who} {method}: {_result(method, message.get('result') or {})}"


def _result(method: str, result: Mapping[str, Any]) -> str:
    if method == "tools/list":
        names = [tool["name"] for tool in result.get("tools", [])]
        more = ", and there is a next page" if result.get("nextCursor") else ""
        return f"{len(names)} tools: {_short(', '.join(names))}{more}"
    return _json(result)


def _http(exchanges: Iterable[Mapping[str, Any]]) -> Iterable[tuple[float, int, str]]:
    for each in exchanges:
        what = f" ({each['rpc_method']})" if each["rpc_method"] else ""
        yield each["at"], 4, f"http     {each['server']}: {each['method']}{what} was answered {each['status']}"


def _processes(events: Iterable[Mapping[str, Any]]) -> Iterable[tuple[float, int, str]]:
    for each in events:
        detail = "" if each["event"] == "started" else f" {_short(each['detail'])}"
        yield each["at"], 4, f"process  {each['session']} {each['event']}{detail}".rstrip()


def _agent(run: Mapping[str, Any]) -> str:
    if run["error"] is not None:
        return f"agent    run {run['run']} raised {_short(run['error'])}"
    return f"agent    run {run['run']} returned {_short(run['answer'] or '')}"


def _note(note: Mapping[str, Any] | str) -> str:
    """Return a note's text; in evidence of before schema version 2 a note is its text."""
    return note if isinstance(note, str) else note["text"]


def _json(value: Any) -> str:
    return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    text = "".join(each if each.isprintable() else "\\x" + format(ord(each), "02x") for each in text)
    return text if len(text) <= LINE else f"{text[:LINE]}… ({len(text)} characters)"
