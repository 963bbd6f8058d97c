"""The evidence of a cell: what the three witnesses recorded, as JSON, without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import Enum
from typing import Any, cast

from matrix.json_access import mapping, sequence
from matrix.lab.records import ModelExchange, ProcessEvent, ProcessEventKind
from matrix.lab.trace import Trace
from matrix.model import Capability, Cell
from matrix.redaction import Pieces, redact

TEXT_LIMIT = 20_000
"""Longer texts are cut in evidence, with their length said: a megabyte result is no reading matter."""


def evidence_of(
    cell: Cell, capability: Capability, trace: Trace, hide: Callable[[Any], Any] = lambda value: value
) -> dict[str, Any]:
    """Return the evidence of one cell; times are seconds since it began. `hide` takes out what nobody is to read.

    It tells what was seen, and leaves what that counts for to the outcome.
    """
    document = {
        "cell": cell.id,
        "question": capability.title,
        "model": [_exchange(each) for each in list(trace.model)],
        "server": {
            "frames": [_plain(each) for each in list(trace.frames)],
            "http": [_plain(each) for each in list(trace.http)],
            "processes": [_process(each) for each in _without_secrets(list(trace.processes), hide)],
        },
        "agent": [_plain(each) for each in list(trace.runs)],
        "notes": [_plain(each) for each in trace.noted()],
    }
    return _cut(redact(hide(document)))


def _without_secrets(events: Sequence[ProcessEvent], hide: Callable[[Any], Any]) -> list[ProcessEvent]:
    """Return the events without the secrets that a server wrote to stderr over several lines, such as a private key."""
    found = list(events)
    for session in sorted({each.session for each in events}):
        places = [
            at for at, each in enumerate(events) if each.session == session and each.event is ProcessEventKind.STDERR
        ]
        written: Pieces = redact(hide(Pieces(tuple(events[at].detail for at in places), "\n")))
        for at, text in zip(places, written.texts, strict=True):
            found[at] = replace(events[at], detail=text)
    return found


def _process(each: ProcessEvent) -> dict[str, Any]:
    """Of the environment that a server was given, evidence keeps only the names: any value may be a secret."""
    record = _plain(each)
    del record["cwd"], record["env"]
    if each.event is ProcessEventKind.STARTED:
        record["detail"] = json.dumps({"cwd": each.cwd, "env": sorted(each.env)})
    return record


def _plain(record: Any) -> dict[str, Any]:
    """Return a record as plain data, the values of enums in their place."""
    return {name: value.value if isinstance(value, Enum) else value for name, value in asdict(record).items()}


def _exchange(each: ModelExchange) -> dict[str, Any]:
    turn = each.reply
    calls = () if turn is None else turn.calls
    return {
        "at": each.at,
        "run": each.run,
        "protocol": each.protocol,
        "system": each.system,
        "user": each.user_text,
        "offered": [
            {"name": tool.name, "description": tool.description, "schema": tool.schema} for tool in each.offered
        ],
        "shown": [{"call_id": shown.call_id, "text": shown.text, "is_error": shown.is_error} for shown in each.shown],
        "asked_for": [
            {"call_id": call_id, "tool": wanted.tool, "as": name, "arguments": wanted.arguments}
            for wanted, call_id, name in zip(calls, each.call_ids, each.names, strict=False)
        ],
        "said": None if turn is None else turn.text,
        "fault": None if turn is None or turn.fault is None else asdict(turn.fault),
        "note": each.note,
    }


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > TEXT_LIMIT:
        return f"{value[:TEXT_LIMIT]}… ({len(value)} characters in all)"
    if isinstance(value, Mapping):
        return {key: _cut(each) for key, each in mapping(cast("object", value)).items()}
    if isinstance(value, list):
        return [_cut(each) for each in sequence(cast("object", value))]
    return value
