"""What is told while a run goes on: a line per event in a log, one line that changes on a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from matrix.events import Finished, Started
from matrix.outcome import Outcome
from matrix.planned import Plan, Planned
from matrix.report.progress import LiveProgress, PlainProgress
from tests.samples import CONTROL_AGENT, agent, capability, outcome, stub

OUTCOMES = (
    outcome("control::invoke.round-trip"),
    outcome("stan::invoke.round-trip", "failed", "the server saw [red]nothing[/red] of it"),
    outcome("stan::invoke.timeout", "timed-out", "it hung", expected="waits for 300 s"),
    outcome("stan::lifecycle.two::echo+slow", "errored", "the stub ended"),
)
PLAN = Plan(
    tuple(Planned(each.cell) for each in OUTCOMES),
    (CONTROL_AGENT, agent("stan")),
    (capability("invoke.round-trip", "echo"),),
    (stub("echo"),),
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def plain(*outcomes: Outcome, kept: int = 0) -> str:
    file = io.StringIO()
    with PlainProgress(Console(file=file, width=40)) as progress:
        progress.note("installing cli-agent==1.0 (kept for the next run)")
        progress.planned(PLAN, kept)
        for each in outcomes:
            progress.happened(Started(each.cell))
            progress.happened(Finished(each))
    return file.getvalue()


def test_a_log_gets_a_line_for_everything_that_happened(snapshot: SnapshotAssertion) -> None:
    assert plain(*OUTCOMES) == snapshot(name="progress_plain")


def test_a_resumed_run_counts_what_was_kept() -> None:
    text = plain(*OUTCOMES[2:], kept=2)
    assert "2 servers, 2 kept from before\n" in text
    assert "[3/4] timed-out (known) stan::" in text
    assert "[4/4] errored stan::" in text


def test_a_log_has_no_escape_codes_and_no_wrapped_lines() -> None:
    text = plain(*OUTCOMES)
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2 + len(OUTCOMES)


def live(*events: Started | Finished) -> str:
    """Return the last state of the line that changes, without its clock and its escape codes."""
    file = io.StringIO()
    console = Console(file=file, width=200, force_terminal=True, color_system=None, legacy_windows=False)
    with LiveProgress(console) as progress:
        progress.planned(PLAN, 0)
        for event in events:
            progress.happened(event)
    states = re.findall(r"\d+:\d\d  ([^\x1b\r\n]*)", file.getvalue())
    return states[-1].rstrip()


def test_a_terminal_shows_how_far_the_run_is_and_what_it_waits_for() -> None:
    assert live() == "0/4 done · 0 failing  starting workers"


def test_a_terminal_shows_what_is_running() -> None:
    started = [Started(each.cell) for each in OUTCOMES]
    assert live(*started, Finished(OUTCOMES[0])) == (
        "1/4 done · 0 failing · running stan invoke.round-trip[http], stan invoke.timeout[http], "
        "stan lifecycle.two[http]"
    )


def test_a_terminal_tells_what_is_known_from_what_fails() -> None:
    assert live(*map(Finished, OUTCOMES)) == "4/4 done · 2 failing · 1 known"


def test_the_changing_line_leaves_nothing_behind_but_what_was_planned() -> None:
    file = io.StringIO()
    with LiveProgress(Console(file=file, width=80, force_terminal=True, color_system=None)) as progress:
        progress.planned(PLAN, 0)
    written = file.getvalue()
    assert "4 cells: 2 agents, 3 capabilities, 2 servers" in written
    assert written.endswith("\x1b[2K")
