"""What the specification demands of a client in every session, as it shows in a trace; each duty with its rule.

A duty that was broken raises Unmet with the rule. What the specification only recommends is noted as advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from matrix.capabilities.verbs import CellVerbs, expect
from matrix.json_access import mapping
from matrix.lab.connection import negotiated
from matrix.lab.records import Direction, HttpExchange, NoteKind
from matrix.lab.trace import Trace
from matrix.model import REVISIONS, STATEFUL, STATELESS
from matrix.rule import Rule

VERSION_NEGOTIATION = Rule(STATEFUL, "basic/lifecycle", "Version Negotiation")
INITIALIZATION = Rule(STATEFUL, "basic/lifecycle", "Initialization")
STDIO_MESSAGES = Rule(STATEFUL, "basic/transports", "stdio")
HTTP_MESSAGES = Rule(STATEFUL, "basic/transports", "Sending Messages to the Server")
VERSION_HEADER = Rule(STATEFUL, "basic/transports", "Protocol Version Header")
STATELESS_VERSION_HEADER = Rule(STATELESS, "basic/transports/streamable-http", "Protocol Version Header")
SESSION_MANAGEMENT = Rule(STATEFUL, "basic/transports", "Session Management")

FIRST_WITH_VERSION_HEADER = "2025-06-18"
DELETE_SECONDS = 2.0
"""How long after a run its sessions over HTTP may still be ended."""
_EARLIER_REVISIONS = ("2024-10-07",)
"""Published before the first that is asked about; SDKs still list it."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ACCEPTED = ("application/json", "text/event-stream")
_FREE = {"arguments", "_meta", "data", "structuredContent", "input", "metadata", "experimental", "extensions", "schema"}
"""Members whose own members are not the protocol's to say: a null is as good there as anything."""


def proposes_a_revision(trace: Trace) -> None:
    """See that every `initialize` proposes a revision of MCP: whoever made it up cannot support it."""
    for frame in trace.requests("initialize"):
        proposed = mapping(frame.message.get("params")).get("protocolVersion")
        expect(_is_revision(proposed), f"the client proposed {proposed!r}, which is no revision", VERSION_NEGOTIATION)


def says_initialized(trace: Trace) -> None:
    """See that each session that was initialized, and then used, was told so."""
    told = {frame.session for frame in trace.requests("notifications/initialized")}
    begun = {frame.session for frame in trace.requests("initialize")}
    used = {frame.session for method in ("tools/list", "tools/call") for frame in trace.requests(method)}
    expect(not (begun & used) - told, "notifications/initialized was never sent", INITIALIZATION)


def accepts_both_types(trace: Trace) -> None:
    """See that every POST lists both types that a server may answer in."""
    for each in trace.exchanges("POST"):
        listed = {part.partition(";")[0].strip().lower() for part in each.headers.get("accept", "").split(",")}
        missing = [name for name in _ACCEPTED if name not in listed]
        expect(not missing, f"the Accept header of {_named(each)} does not list {' and '.join(missing)}", HTTP_MESSAGES)


def sends_version_header(trace: Trace) -> None:
    """See that every request after the handshake, and each one of 2026-07-28, has `MCP-Protocol-Version`."""
    spoken = negotiated(trace)
    if spoken is None or spoken < FIRST_WITH_VERSION_HEADER:
        return
    stateless = spoken == STATELESS
    rule = STATELESS_VERSION_HEADER if stateless else VERSION_HEADER
    when = "" if stateless else " after initialize"
    others: set[str] = set()
    for each in _subsequent(trace, stateless=stateless):
        named = each.headers.get("mcp-protocol-version")
        expect(named, f"MCP-Protocol-Version was missing on {_named(each)}{when}", rule)
        others |= {str(named)} - {spoken}
    if others:
        said = f"MCP-Protocol-Version was {', '.join(sorted(others))}, not {spoken} as negotiated"
        trace.note(NoteKind.ADVICE, f"{said} (SHOULD: {VERSION_HEADER.url})")


def sends_no_null(trace: Trace, rule: Rule) -> None:
    """See that no message has a null where the schema has none: what is absent is left out."""
    for frame in trace.frames:
        if frame.direction is Direction.IN:
            place = next(_nulls(frame.message), None)
            what = frame.message.get("method", "an answer")
            expect(place is None, f"{what} had null at {place}, which the schema forbids: leave it out", rule)


def starts_in_its_folder(cell: CellVerbs) -> None:
    """See that each server's process was started in the folder that is declared for it."""
    for event in cell.trace.started():
        declared = cell.entries[event.server].get("cwd", "")
        there = event.cwd is not None and Path(event.cwd).resolve() == Path(declared).resolve()
        expect(there, "the server was not started in the folder (cwd) that was declared for it")


def hands_on_variables(cell: CellVerbs) -> None:
    """See that each server's process had the variables that are declared for it."""
    for event in cell.trace.started():
        variables: Mapping[str, str] = cell.entries[event.server].get("env", {})
        lost = sorted(name for name, value in variables.items() if event.env.get(name) != value)
        expect(not lost, f"the server was started without the variable {', '.join(lost)} that was declared for it")


async def ends_its_sessions(trace: Trace) -> None:
    """Note a session over HTTP that nobody has ended a while after the run: the specification says SHOULD."""

    def open_sessions() -> set[str]:
        begun = {each.headers["mcp-session-id"] for each in trace.exchanges("POST") if "mcp-session-id" in each.headers}
        return begun - {each.headers.get("mcp-session-id", "") for each in trace.exchanges("DELETE")}

    if not await trace.until(lambda: not open_sessions(), DELETE_SECONDS):
        trace.note(NoteKind.ADVICE, f"the session was never ended by DELETE (SHOULD: {SESSION_MANAGEMENT.url})")


def _is_revision(proposed: object) -> bool:
    if not isinstance(proposed, str):
        return False
    newer = _DATE.fullmatch(proposed) is not None and proposed > REVISIONS[-1]
    return newer or proposed in {*REVISIONS, *_EARLIER_REVISIONS} or proposed.startswith("DRAFT-")


def _subsequent(trace: Trace, *, stateless: bool) -> Iterator[HttpExchange]:
    """Yield the requests that come after a handshake, or are of a session; where there is none, every POST."""
    begun: set[str] = set()
    for each in trace.exchanges():
        if each.rpc_method == "initialize":
            begun.add(each.server)
        elif each.rpc_method == "server/discover":
            continue
        elif stateless:
            if each.method == "POST":
                yield each
        elif "mcp-session-id" in each.headers or each.server in begun:
            yield each


def _named(exchange: HttpExchange) -> str:
    return " ".join(part for part in (exchange.method, exchange.rpc_method) if part)


def _nulls(value: object, path: str = "") -> Iterator[str]:
    """Yield the places of the protocol's own members that are null."""
    if isinstance(value, Mapping):
        for name, each in mapping(cast("object", value)).items():
            place = f"{path}.{name}" if path else name
            if each is None:
                yield place
            elif name not in _FREE:
                yield from _nulls(each, place)
    elif isinstance(value, list):
        for number, each in enumerate(cast("Sequence[Any]", value)):
            yield from _nulls(each, f"{path}[{number}]")
