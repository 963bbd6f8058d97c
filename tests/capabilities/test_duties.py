"""What a client owes in every session, judged by what the server saw of it."""

from __future__ import annotations

from typing import Any

import pytest

from matrix.capabilities import duties
from matrix.capabilities.verbs import Unmet
from matrix.lab.connection import negotiated, trouble
from matrix.lab.records import Direction, Frame, HttpExchange
from matrix.lab.trace import Trace
from matrix.model import STATEFUL, STATELESS
from matrix.rule import Rule

BOTH = "application/json, text/event-stream"


def seen(*messages: dict[str, Any], answers: tuple[dict[str, Any], ...] = ()) -> Trace:
    """Return a trace in which a client sent these messages, and was answered so."""
    trace = Trace()
    for number, message in enumerate(messages):
        trace.add(Frame(float(number), "s", "s#1", Direction.IN, message))
    for answer in answers:
        trace.add(Frame(9.0, "s", "s#1", Direction.OUT, answer))
    return trace


def posted(trace: Trace, method: str | None, status: int = 200, verb: str = "POST", **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    trace.add(HttpExchange(1.0, "s", verb, "/mcp/s", named, status, method))


def initialize(version: Any = STATEFUL) -> dict[str, Any]:
    return {"id": 1, "method": "initialize", "params": {"protocolVersion": version}}


def initialized(version: str) -> Trace:
    return seen(initialize(version), answers=({"id": 1, "result": {"protocolVersion": version}},))


@pytest.mark.parametrize("version", ["2024-10-07", "2024-11-05", STATEFUL, STATELESS, "2027-01-31", "DRAFT-2026-v1"])
def test_a_revision_that_is_known_newer_or_a_draft_may_be_proposed(version: str) -> None:
    duties.proposes_a_revision(seen(initialize(version)))


@pytest.mark.parametrize("version", ["1.0", "2025-01-01", "", None, 20251125, "v2025-11-25"])
def test_what_is_no_revision_may_not(version: Any) -> None:
    with pytest.raises(Unmet, match="which is no revision") as caught:
        duties.proposes_a_revision(seen(initialize(version)))
    assert caught.value.rule == duties.VERSION_NEGOTIATION


def test_a_session_that_is_used_has_to_be_told_that_it_is_initialized() -> None:
    listing, told = {"id": 2, "method": "tools/list"}, {"method": "notifications/initialized"}
    duties.says_initialized(seen(initialize(), told, listing))
    duties.says_initialized(seen(initialize()))  # given up at once
    duties.says_initialized(seen(listing))  # a revision without a handshake
    with pytest.raises(Unmet, match="never sent"):
        duties.says_initialized(seen(initialize(), listing))


@pytest.mark.parametrize("accept", [BOTH, "text/event-stream;q=0.9 , Application/JSON", f"{BOTH}, */*"])
def test_both_types_may_be_listed_in_any_order_and_with_parameters(accept: str) -> None:
    trace = Trace()
    posted(trace, "tools/list", accept=accept)
    duties.accepts_both_types(trace)


@pytest.mark.parametrize(("accept", "lost"), [("*/*", "application/json and text/event-stream"), (BOTH[:16], "text")])
def test_a_type_that_is_not_listed_is_named(accept: str, lost: str) -> None:
    trace = Trace()
    posted(trace, "tools/list", accept=accept)
    with pytest.raises(Unmet, match=f"POST tools/list does not list {lost}"):
        duties.accepts_both_types(trace)


@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
def test_every_request_of_a_session_names_the_revision(verb: str) -> None:
    trace = initialized(STATEFUL)
    posted(trace, "server/discover")
    posted(trace, "initialize")
    posted(trace, None, verb=verb, mcp_session_id="x", mcp_protocol_version=STATEFUL)
    duties.sends_version_header(trace)
    posted(trace, None, verb=verb, mcp_session_id="x")
    with pytest.raises(Unmet, match=f"missing on {verb} after initialize"):
        duties.sends_version_header(trace)


def test_before_2025_06_18_there_was_no_such_header() -> None:
    trace = initialized("2025-03-26")
    posted(trace, "tools/list", mcp_session_id="x")
    duties.sends_version_header(trace)


def test_another_revision_in_the_header_is_advice() -> None:
    trace = initialized(STATEFUL)
    posted(trace, "tools/list", mcp_session_id="x", mcp_protocol_version="2025-06-18")
    duties.sends_version_header(trace)
    assert [each.text.partition(" (")[0] for each in trace.notes] == [
        f"MCP-Protocol-Version was 2025-06-18, not {STATEFUL} as negotiated"
    ]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"method": "tools/list", "params": None}, "params"),
        ({"method": "tools/list", "params": {"cursor": None}}, "params.cursor"),
        ({"method": "initialize", "params": {"capabilities": {"sampling": None}}}, "params.capabilities.sampling"),
        ({"method": "tools/call", "params": {"arguments": None}}, "params.arguments"),
        ({"result": {"roots": [{"uri": "file:///", "name": None}]}}, "result.roots[0].name"),
    ],
)
def test_a_null_where_the_schema_has_none_is_named_by_its_place(message: dict[str, Any], place: str) -> None:
    with pytest.raises(Unmet) as caught:
        duties.sends_no_null(seen(message), duties.STDIO_MESSAGES)
    assert f"had null at {place}," in str(caught.value)


def test_a_null_in_what_the_protocol_leaves_open_is_as_good_as_anything() -> None:
    free = {"arguments": {"a": None, "b": [None]}, "_meta": {"c": None}}
    duties.sends_no_null(seen({"method": "tools/call", "params": free}), duties.STDIO_MESSAGES)


def test_a_refused_discovery_is_no_trouble_of_one_who_shook_hands() -> None:
    trace = initialized(STATEFUL)
    posted(trace, "server/discover", 404)
    assert negotiated(trace) == STATEFUL
    found = trouble(trace, ["s"])
    assert found is not None
    assert (found.why, found.refused) == ("the agent never asked the server for its tools", False)
    posted(trace, "tools/list", 400)
    refused = trouble(trace, ["s"])
    assert refused is not None
    assert (refused.why, refused.refused) == ("tools/list was answered 400", True)


def test_a_rule_is_cited_by_its_address() -> None:
    rule = Rule(STATEFUL, "basic/transports", "Protocol Version Header")
    assert rule.url.endswith("/specification/2025-11-25/basic/transports#protocol-version-header")
