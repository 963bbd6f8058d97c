"""The story of one cell, told from its evidence."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from syrupy.assertion import SnapshotAssertion

from matrix.model import Verdict
from matrix.outcome import Blame
from matrix.report.story import DECISIVE, LINE, STDERR_LINES, listing, tell
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
    void = OUTCOME.counting_for(Verdict.ERRORED, "the control is failed here: the stub died", Blame.CONTROL)
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
    assert "   1.000  agent    run 2 raised ValueError: no\\nluck\n" in text


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


def model(at: float, offered: list[str], **more: Any) -> dict[str, Any]:
    empty = {"shown": [], "asked_for": [], "said": None, "note": "", "user": ""}
    return {"at": at, "run": 1, "offered": [{"name": name} for name in offered], **empty, **more}


def marked(text: str) -> list[str]:
    return [line[1:].strip() for line in text.splitlines() if line.startswith(DECISIVE)]


def test_the_line_that_the_reason_repeats_is_marked() -> None:
    raised = "the run ended with ValueError: no such luck on 127.0.0.1:PORT"
    agent = [{"at": 1.0, "run": 1, "error": "ValueError: no such luck on 127.0.0.1:8123", "answer": None}]
    text = tell(replace(OUTCOME, reason=raised), {**EVIDENCE, "agent": agent})
    assert marked(text) == ["1.000  agent    run 1 raised ValueError: no such luck on 127.0.0.1:8123"]


def test_an_http_answer_that_the_reason_names_is_marked() -> None:
    server = {
        **EVIDENCE["server"],
        "http": [{"at": 0.1, "server": "echo", "method": "POST", "rpc_method": "initialize", "status": 406}],
    }
    text = tell(replace(OUTCOME, reason="initialize was answered 406"), {**EVIDENCE, "server": server})
    assert marked(text) == ["0.100  http     echo: POST (initialize) was answered 406"]


def test_a_question_about_what_is_offered_rests_on_the_offer() -> None:
    asked = outcome("stan::schema.refs::awkward[stdio,2025-11-25]", "failed", "the items have lost their type")
    assert marked(tell(asked, EVIDENCE)) == ["0.750  model    run 1: is offered 1 tools: mcp_echo"]


def test_nothing_is_marked_where_nothing_went_wrong() -> None:
    assert marked(tell(outcome(OUTCOME.cell.id), EVIDENCE)) == []


def test_a_name_and_arguments_come_before_what_a_client_adds() -> None:
    params = {"_meta": {"progressToken": 1}, "arguments": {"a": 1}, "name": "echo"}
    frames = [{"at": 0.1, "session": "s", "direction": "in", "message": {"id": 1, "method": "m", "params": params}}]
    text = changed(server={"frames": frames, "http": [], "processes": []})
    assert 's → m {"name": "echo", "arguments": {"a": 1}, "_meta": {"progressToken": 1}}' in text


def test_a_list_that_is_shortened_keeps_the_tools_that_the_cell_is_about() -> None:
    names = [f"tool_number_{n}" for n in range(150)]
    call = {"call_id": "c", "tool": "tool_number_98", "as": "tool_number_98", "arguments": {}}
    reason = "the tool tool_number_120 was lost"
    text = tell(replace(OUTCOME, reason=reason), {**EVIDENCE, "model": [model(0.1, names, asked_for=[call])]})
    line = next(each for each in text.splitlines() if "is offered 150 tools" in each)
    assert ", …, tool_number_98, …, tool_number_120, … (" in line
    assert len(line) < 2 * LINE


def test_what_an_agent_asks_its_model_aside_is_told_apart() -> None:
    exchanges = [model(0.1, ["echo"]), model(0.2, [], user="Write a title.", said="done"), model(0.3, ["echo"])]
    lines = [each[9:].strip() for each in changed(model=exchanges).splitlines() if "model    run" in each]
    assert lines == [
        "model    run 1: is offered 1 tools: echo",
        "model    run 1, aside: is asked, without tools: Write a title.",
        "model    run 1, aside: says done",
    ]


def test_what_a_command_wrote_to_standard_error_is_told_its_last_lines_at_least() -> None:
    stderr = "".join(f"line {n}\n" for n in range(STDERR_LINES + 3))
    text = changed(agent=[{"at": 1.0, "run": 0, "error": None, "answer": "", "stderr": stderr}])
    assert "agent    run 0 stderr … (3 lines before)\n" in text
    assert "agent    run 0 stderr line 3\n" in text
    assert f"agent    run 0 stderr line {STDERR_LINES + 2}\n" in text


def test_an_error_is_told_whole() -> None:
    text = changed(agent=[{"at": 1.0, "run": 0, "error": "x" * 500, "answer": None}])
    assert f"raised {'x' * 500}\n" in text
