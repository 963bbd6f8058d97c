"""What is told while a run goes on: a line per event in a log, one line that changes on a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from matrix.effort import Effort
from matrix.events import Finished, Revised, Started
from matrix.model import Cell, Verdict
from matrix.outcome import Outcome
from matrix.planned import Plan, Planned
from matrix.report.pace import Pace, afterwards
from matrix.report.progress import Count, LiveProgress, PlainProgress
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
        progress.planned(PLAN, kept, {})
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
        progress.planned(PLAN, 0, {})
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
        progress.planned(PLAN, 0, {})
    written = file.getvalue()
    assert "4 cells: 2 agents, 3 capabilities, 2 servers" in written
    assert written.endswith("\x1b[2K")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_cell_whose_outcome_is_revised_is_counted_once_and_red_only_as_long_as_it_is() -> None:
    file = io.StringIO()
    count = Count(Clock())
    count.begin(PLAN, 0, {})
    resting = replace(OUTCOMES[1], verdict=Verdict.UNSUPPORTED, blamed_on=None)
    with PlainProgress(Console(file=file, width=40)) as progress:
        progress.planned(PLAN, 0, {})
        for event in (Finished(OUTCOMES[1]), Revised(resting), Finished(OUTCOMES[1]), Revised(resting)):
            progress.happened(event)
            count.take(event)
    assert [line.split()[0] for line in file.getvalue().splitlines()[1:]] == ["[1/4]"] * 4
    assert (str(count), count.failing, count.known) == ("1/4", 0, 0)


def test_a_log_is_told_now_and_then_how_fast_it_goes_what_is_slow_and_how_long_it_takes() -> None:
    file, clock = io.StringIO(), Clock()
    with PlainProgress(Console(file=file, width=40), clock) as progress:
        progress.planned(PLAN, 0, {OUTCOMES[0].cell.id: 20.0, OUTCOMES[1].cell.id: 50.0})
        for each in OUTCOMES[:2]:
            progress.happened(Started(each.cell))
        clock.now = 20.0
        progress.happened(Finished(OUTCOMES[0]))
        clock.now = 40.0
        progress.happened(Started(OUTCOMES[2].cell))
    assert file.getvalue().splitlines()[-1] == (
        "[1/4] after 0:40, 2 a minute, about 4:00 left; "
        "slowest now: stan invoke.round-trip[http] 40 s; stan invoke.timeout[http]"
    )


@pytest.mark.parametrize("slower", [0.5, 1.0, 3.0])
def test_the_time_left_is_right_within_a_quarter_after_the_first_minute(slower: float) -> None:
    """Four lanes, longest first, as a run has them; this machine is slower or faster than the one before."""
    cells = [outcome(f"stan::a.c{number}").cell for number in range(400)]
    before = {each.id: 0.3 + (number % 40) * 0.1 for number, each in enumerate(cells)}
    clock = Clock()
    pace = Pace(clock, before)
    pace.begin(cells)
    lanes = [0.0] * 4
    ends: list[tuple[float, Cell]] = []
    for cell in sorted(cells, key=lambda each: -before[each.id]):
        lane = min(range(4), key=lambda each: lanes[each])
        lanes[lane] += before[cell.id] * slower
        ends.append((lanes[lane], cell))
    estimates: list[tuple[float, float]] = []
    for at, cell in sorted(ends):
        clock.now = at
        pace.ended(cell)
        if 60 <= at < max(lanes) - 10:
            estimates.append((pace.left or 0.0, max(lanes) - at))
    assert estimates
    assert all(abs(told - true) <= true / 4 for told, true in estimates)


def test_without_a_run_before_a_cell_takes_as_long_as_those_that_have_ended() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.begin([each.cell for each in OUTCOMES])
    assert pace.left is None
    for each in OUTCOMES[:2]:
        pace.started(each.cell)
        clock.now += 10
        pace.ended(each.cell)
    assert (pace.rate, pace.left) == (0.1, 20.0)


def test_what_a_run_took_is_told_beside_the_least_that_it_could_have_taken():
    assert afterwards(Effort(wall=10, cpu=16, longest=2, processors=2)) == (
        "Took 10.0 s and 16.0 s of CPU; 2 processors that are never idle would take 8.0 s: efficiency 80%"
    )
    assert afterwards(Effort(wall=10, cpu=4, longest=5, processors=2)) == (
        "Took 10.0 s and 4.0 s of CPU; the longest cell alone would take 5.0 s: efficiency 50%"
    )
