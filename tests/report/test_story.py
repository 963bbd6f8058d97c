"""The story of one cell, told from its evidence."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from syrupy.assertion import SnapshotAssertion

from matrix.model import Verdict
from matrix.outcome import Blame
from matrix.report.story import LINE, listing, tell
from tests.samples import outcome

OUTCOME = outcome(
    "stan::invoke.round-trip::echo[stdio,2025-11-25]", "failed", "the model was not shown what the server returned"
)
TOKEN = "8f3a|1e5\n漢字"
EVIDENCE: dict[str, Any] = {
    "cell": "stan::invoke.round-trip::echo[stdio,2025-11-25]",
    "question": "The model's arguments reach the server and the result reaches the model, exactly.",
    "model": [
        {
            "at": 0.25,
            "run": 1,
            "offered": [{"name": "mcp_echo"}, {"name": "own_tool"}],
            "shown": [],
            "asked_for": [{"call_id": "call_1", "tool": "echo", "as": "mcp_echo", "arguments": {"text": TOKEN}}],
            "said": None,
            "note": "",
        },
        {
            "at": 0.5,
            "run": 1,
            "offered": [{"name": "mcp_echo"}, {"name": "own_tool"}],
            "shown": [{"call_id": "call_1", "text": "Error: lost", "is_error": True}],
            "asked_for": [{"call_id": "call_2", "tool": "own_tool", "as": "own_tool", "arguments": {}}],
            "said": None,
            "note": "the request was odd",
        },
        {
            "at": 0.75,
            "run": 1,
            "offered": [{"name": "mcp_echo"}],
            "shown": [
                {"call_id": "call_1", "text": "Error: lost", "is_error": True},
                {"call_id": "call_2", "text": "x" * 500, "is_error": False},
            ],
            "asked_for": [],
            "said": "done",
            "note": "",
        },
    ],
    "server": {
        "frames": [
            {"at": 0.1, "session": "echo#1", "direction": "in", "message": {"id": 0, "method": "initialize"}},
            {"at": 0.11, "session": "echo#1", "direction": "out", "message": {"id": 0, "result": {"ok": True}}},
            {
                "at": 0.12,
                "session": "echo#1",
                "direction": "in",
                "message": {"method": "notifications/initialized"},
            },
            {"at": 0.13, "session": "echo#1", "direction": "in", "message": {"id": 1, "method": "tools/list"}},
            {
                "at": 0.14,
                "session": "echo#1",
                "direction": "out",
                "message": {"id": 1, "result": {"tools": [{"name": "echo"}], "nextCursor": "2"}},
            },
            {
                "at": 0.3,
                "session": "echo#1",
                "direction": "in",
                "message": {"id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": TOKEN}}},
            },
            {
                "at": 0.4,
                "session": "echo#1",
                "direction": "out",
                "message": {"id": 2, "error": {"code": -32000, "message": "busy"}},
            },
        ],
        "http": [{"at": 0.15, "server": "echo", "method": "POST", "rpc_method": "tools/list", "status": 200}],
        "processes": [
            {"at": 0.05, "session": "echo#1", "event": "started", "detail": ""},
            {"at": 0.35, "session": "echo#1", "event": "stderr", "detail": "warning: \x1b[31mred\x1b[0m"},
            {"at": 0.9, "session": "echo#1", "event": "ended", "detail": "0"},
        ],
    },
    "agent": [{"at": 0.8, "run": 1, "error": None, "answer": "done"}],
    "notes": [{"kind": "server-fault", "text": "the server was asked to end"}],
}


def changed(**changes: Any) -> str:
    return tell(OUTCOME, {**deepcopy(EVIDENCE), **changes})


def test_a_cell_is_told_in_the_order_in_which_it_happened(snapshot: SnapshotAssertion) -> None:
    assert tell(OUTCOME, EVIDENCE) + "\n" == snapshot(name="story")


def test_a_cell_that_nobody_was_asked_about_is_told_in_few_lines(snapshot: SnapshotAssertion) -> None:
    nothing = {"frames": [], "http": [], "processes": []}
    evidence = {**EVIDENCE, "model": [], "server": nothing, "agent": [], "notes": []}
    assert tell(outcome(OUTCOME.cell.id), evidence) + "\n" == snapshot(name="story_empty")


def test_the_notes_of_evidence_from_before_they_had_kinds_are_told_as_well() -> None:
    assert changed(notes=["the server was asked to end"]) == tell(OUTCOME, EVIDENCE)


def test_why_a_verdict_was_expected_is_told() -> None:
    known = replace(OUTCOME, expected="a known limit")
    assert "\nexpected by the baseline: a known limit\nagain: " in tell(known, EVIDENCE)
    assert "expected by" not in tell(OUTCOME, EVIDENCE)


def test_the_verdict_of_each_attempt_is_told_where_there_were_several() -> None:
    flaky = replace(OUTCOME, verdict=Verdict.FLAKY, attempts=(Verdict.PASSED, Verdict.FAILED))
    assert "\nattempts: passed, failed\n" in tell(flaky, EVIDENCE)
    assert "attempts" not in tell(OUTCOME, EVIDENCE)


def test_a_story_says_what_the_outcome_says_whatever_an_older_evidence_file_says() -> None:
    void = OUTCOME.errored("the control is failed here: the stub died", Blame.CONTROL)
    text = tell(void, {**EVIDENCE, "verdict": "failed", "reason": "it was lost"})
    assert "\nerrored (the control is red): the control is failed here: the stub died\n" in text
    assert "it was lost" not in text


def test_several_cells_are_listed_failures_first() -> None:
    cells = [outcome("a::b.c"), outcome("b::b.c", "skipped", "no key"), outcome("c::b.c", "failed", "it was lost")]
    assert listing(cells).splitlines()[:3] == [
        "failed   c::b.c::echo[http,2025-11-25]: it was lost",
        "skipped  b::b.c::echo[http,2025-11-25]: no key",
        "passed   a::b.c::echo[http,2025-11-25]",
    ]


def test_an_agent_that_raised_is_told() -> None:
    text = changed(agent=[{"at": 1.0, "run": 2, "error": "ValueError: no\nluck", "answer": None}])
    assert "   1.000  agent    run 2 raised ValueError: no\\x0aluck\n" in text


def test_an_agent_that_said_nothing_is_told() -> None:
    assert "agent    run 1 returned \n" in changed(agent=[{"at": 1.0, "run": 1, "error": None, "answer": None}])


def test_nothing_in_a_story_controls_the_terminal_or_breaks_a_line() -> None:
    text = tell(OUTCOME, EVIDENCE)
    assert "\x1b" not in text
    assert "warning: \\x1b[31mred\\x1b[0m" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_long_texts_are_cut_with_their_length_said() -> None:
    assert f"is shown call_2: {'x' * LINE}… (500 characters)\n" in tell(OUTCOME, EVIDENCE)


def test_both_sides_of_a_session_number_their_own_requests() -> None:
    def frame(at: float, direction: str, **message: Any) -> dict[str, Any]:
        return {"at": at, "session": "s", "direction": direction, "message": message}

    frames = [
        frame(0.1, "in", id=1, method="tools/call"),
        frame(0.2, "out", id=1, method="roots/list"),
        frame(0.3, "in", id=1, result={"roots": []}),
        frame(0.4, "out", id=1, result={"content": []}),
        frame(0.5, "out", id=9, result={}),
    ]
    text = changed(server={"frames": frames, "http": [], "processes": []})
    assert 's → roots/list: {"roots": []}' in text
    assert 's ← tools/call: {"content": []}' in text
    assert "s ← answer: {}" in text
