"""The table and the news below it, as a terminal shows them."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from matrix.model import Severity, Verdict
from matrix.outcome import Blame, Matrix, Outcome
from matrix.report import terminal
from matrix.results.baseline import Entry
from tests.report.report_samples import EMPTY, HEADER, MIXED, STALE, broken_row, crowd, red_control
from tests.samples import header

COLOUR = re.compile(r"\x1b\[(?:\d+;)*[34]\d")


def shown(
    matrix: Matrix, outdated: Sequence[Entry] = (), *, width: int = 100, is_terminal: bool = False, output: str = ""
) -> str:
    """Return what a console of this width shows."""
    file = io.StringIO()
    colours = "standard" if is_terminal else "auto"
    console = Console(file=file, width=width, force_terminal=is_terminal, highlight=False, color_system=colours)
    console.print(terminal.render(matrix, outdated, output=output), crop=False)
    return file.getvalue()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def test_the_worst_comes_first_and_the_known_last(snapshot: SnapshotAssertion) -> None:
    assert shown(MIXED, STALE, output="out") == snapshot(name="terminal_mixed")


def test_an_empty_matrix_says_that_nothing_was_asked(snapshot: SnapshotAssertion) -> None:
    assert shown(EMPTY) == snapshot(name="terminal_empty")


def test_a_registration_that_cannot_be_loaded_is_told_once(snapshot: SnapshotAssertion) -> None:
    assert shown(broken_row()) == snapshot(name="terminal_broken_row")


def test_a_red_control_is_told_once_and_nobody_else_is_blamed(snapshot: SnapshotAssertion) -> None:
    assert shown(red_control()) == snapshot(name="terminal_red_control")


def test_a_broken_row_is_told_once_also_where_the_control_is_red() -> None:
    both = Matrix(HEADER, (*broken_row().outcomes, *red_control().outcomes))
    cell = both.outcomes[2].cell
    blamed = Outcome(cell, Verdict.ERRORED, "the control is failed here: the stub died", Blame.CONTROL)
    text = shown(Matrix(HEADER, (*both.outcomes[:2], blamed, *both.outcomes[3:])))
    assert text.count("no module named 'shop'") == 1
    assert text.count("the stub died") == 1


def test_an_interrupted_run_says_how_much_was_not_asked() -> None:
    cut = Matrix(header(planned=20), MIXED.outcomes, complete=False)
    assert f"(interrupted; {20 - len(MIXED.outcomes)} not asked)" in shown(cut)


@pytest.mark.parametrize("width", [72, 80, 120])
def test_twelve_agents_fit_into_a_terminal_with_names_and_numbers_whole(
    snapshot: SnapshotAssertion, width: int
) -> None:
    text = shown(crowd(), width=width)
    assert max(len(line) for line in text.splitlines() if "--cell" not in line) <= width
    assert "\n  python -m matrix run --cell 'agent-07::schema.question::server3[http,2025-11-25]'\n" in text
    assert "…" not in text
    assert text == snapshot(name=f"terminal_crowd_{width}")


def test_nothing_is_cut_off_where_there_is_no_terminal() -> None:
    reason = "a long reason " * 40
    text = shown(Matrix(HEADER, (Outcome(MIXED.outcomes[0].cell, Verdict.FAILED, reason.strip()),)), width=10_000)
    assert reason.strip() in text


def test_a_terminal_has_colours() -> None:
    assert COLOUR.search(shown(MIXED, is_terminal=True))


def test_no_color_takes_the_colours_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(shown(MIXED, is_terminal=True))


def test_whatever_is_no_terminal_gets_no_escape_codes() -> None:
    assert "\x1b" not in shown(MIXED, STALE)


def test_brackets_in_a_reason_are_no_markup() -> None:
    said = "the server saw [bold]x[/bold] and [/]"
    assert said in shown(Matrix(HEADER, (Outcome(MIXED.outcomes[0].cell, Verdict.FAILED, said),)))


@pytest.mark.parametrize("severity", list(Severity))
def test_the_severity_of_a_failure_is_said(severity: Severity) -> None:
    file = io.StringIO()
    failed = Outcome(MIXED.outcomes[0].cell, Verdict.FAILED, "lost")
    console = Console(file=file, width=200, highlight=False)
    console.print(terminal.render(Matrix(header({failed.cell.capability: severity}), (failed,))))
    assert f"({severity.value}) on" in file.getvalue()
