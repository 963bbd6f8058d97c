"""What an outcome counts for: where the control is red, what the baseline expects, and the exit code."""

from __future__ import annotations

import pytest

from matrix.model import Verdict
from matrix.outcome import Blame, Matrix, Outcome
from matrix.results.baseline import Entry
from matrix.results.judgement import Judgement, exit_code, settled
from tests.samples import header, outcome

HEADER = header({"a.core": "core", "a.optional": "optional"})
LOST = outcome("stan::a.b", "failed", "it was lost")
STALE = Entry("stan::*::*[*]", Verdict.FAILED, "why")


def told(outcomes: tuple[Outcome, ...]) -> list[tuple[str, str, Blame | None]]:
    """Return verdict, reason and blame of each."""
    return [(each.verdict.value, each.reason, each.blamed_on) for each in outcomes]


@pytest.mark.parametrize("verdict", ["failed", "timed-out", "flaky", "errored", "unsupported"])
def test_where_the_control_is_not_green_no_agent_is_blamed(verdict: str) -> None:
    outcomes = (
        outcome("control::a.b", verdict, "the stub died"),
        LOST,
        outcome("sofia::a.b"),
        outcome("genie::a.b", "skipped", "no key"),
        outcome("stan::a.c", "failed", "it was lost"),
    )
    why = f"the control is {verdict} here: the stub died"
    assert told(settled(outcomes)) == [
        ("errored", why, Blame.MATRIX),
        ("errored", why, Blame.CONTROL),
        ("errored", why, Blame.CONTROL),
        ("skipped", "no key", Blame.MACHINE),
        ("failed", "it was lost", Blame.AGENT),
    ]


def test_a_control_that_is_red_because_of_the_server_blames_the_server() -> None:
    control = outcome("control::a.b", "errored", "the server itself: it ended", blamed_on=Blame.SERVER)
    assert [each.blamed_on for each in settled((control, LOST))] == [Blame.SERVER, Blame.CONTROL]


@pytest.mark.parametrize("verdict", ["passed", "skipped"])
def test_where_the_control_is_green_or_was_not_asked_every_verdict_stays(verdict: str) -> None:
    outcomes = (outcome("control::a.b", verdict), outcome("stan::a.b", "failed", "lost"), outcome("sofia::a.b"))
    assert settled(outcomes) == outcomes


def test_without_a_control_every_verdict_stays() -> None:
    assert settled((outcome("stan::a.b", "failed"),)) == (outcome("stan::a.b", "failed"),)


def test_an_outcome_that_comes_after_the_red_controls_is_void_at_once() -> None:
    judgement = Judgement()
    judgement.settle(outcome("control::a.b", "failed", "the stub died"))
    assert told(judgement.settle(LOST)) == [
        ("errored", "the control is failed here: the stub died", Blame.CONTROL),
    ]


def test_a_red_control_that_comes_last_changes_what_its_column_has_come_to() -> None:
    judgement = Judgement()
    for each in (LOST, outcome("sofia::a.b"), outcome("genie::a.b", "skipped"), outcome("stan::a.c")):
        assert judgement.settle(each) == (each,)
    own, *others = judgement.settle(outcome("control::a.b", "failed", "the stub died"))
    assert (own.cell.agent, own.verdict, own.blamed_on) == ("control", Verdict.ERRORED, Blame.MATRIX)
    assert [(each.cell.id, each.verdict, each.blamed_on) for each in others] == [
        (outcome("sofia::a.b").cell.id, Verdict.ERRORED, Blame.CONTROL),
        (LOST.cell.id, Verdict.ERRORED, Blame.CONTROL),
    ]


def test_a_green_control_that_comes_last_changes_nothing() -> None:
    judgement = Judgement()
    judgement.settle(LOST)
    control = outcome("control::a.b")
    assert judgement.settle(control) == (control,)


def test_what_the_baseline_expects_is_told_with_its_reason_unless_the_control_is_red() -> None:
    known = Entry("stan::a.b::*[*]", Verdict.FAILED, "a known limit")
    assert [each.expected for each in settled((outcome("control::a.b"), LOST), [known])] == [None, "a known limit"]
    red = outcome("control::a.b", "failed", "the stub died")
    assert [each.expected for each in settled((LOST, red), [known])] == [None, None]


def test_of_several_entries_the_first_that_covers_a_cell_counts() -> None:
    timeout = Entry("stan::invoke.timeout::*[*]", Verdict.TIMED_OUT, "waits for 300 s")
    entries = [timeout, Entry("*::*::*[*]", Verdict.TIMED_OUT, "everything hangs")]
    found = settled([outcome("stan::invoke.timeout", "timed-out"), outcome("x::y", "timed-out")], entries)
    assert [each.expected for each in found] == ["waits for 300 s", "everything hangs"]


def test_what_is_expected_of_one_cell_and_verdict_is_expected_of_no_other() -> None:
    found = [
        outcome("stan::invoke.timeout", "timed-out"),
        outcome("stan::invoke.timeout::slow", "failed"),
        outcome("sofia::invoke.timeout", "timed-out"),
        outcome("stan::invoke.unicode", "timed-out"),
    ]
    entry = Entry("stan::invoke.timeout::*[*]", Verdict.TIMED_OUT, "waits for 300 s")
    assert [each.expected for each in settled(found, [entry])] == ["waits for 300 s", None, None, None]


def test_an_expectation_of_an_earlier_run_does_not_outlive_its_entry() -> None:
    marked = outcome("stan::invoke.timeout", "timed-out", expected="waits for 300 s")
    assert settled([marked])[0].expected is None


@pytest.mark.parametrize(
    ("code", "verdicts"),
    [
        (0, [("a.core", "passed")]),
        (0, [("a.core", "passed"), ("a.core", "skipped"), ("a.core", "unsupported")]),
        (0, [("a.core", "passed"), ("a.optional", "failed")]),
        (0, [("a.core", "known")]),
        (1, [("a.core", "passed"), ("a.core", "failed")]),
        (1, [("a.core", "timed-out")]),
        (1, [("a.core", "flaky")]),
        (1, [("a.unheard-of", "failed")]),
        (1, [("a.core", "known"), ("a.core", "failed")]),
        (3, [("a.core", "errored")]),
        (3, [("a.optional", "errored"), ("a.core", "failed")]),
        (3, []),
        (3, [("a.core", "skipped")]),
    ],
)
def test_the_exit_code_says_whose_fault_it_is(code: int, verdicts: list[tuple[str, str]]) -> None:
    outcomes = tuple(
        outcome(f"stan::{capability}::s{number}", "failed", expected="a known limit")
        if verdict == "known"
        else outcome(f"stan::{capability}::s{number}", verdict)
        for number, (capability, verdict) in enumerate(verdicts)
    )
    assert exit_code(Matrix(HEADER, outcomes)) == code


def test_a_green_control_alone_does_not_make_a_run_green() -> None:
    control, skipped = outcome("control::a.core"), outcome("stan::a.core", "skipped", "no key")
    assert exit_code(Matrix(HEADER, (control, skipped))) == 3
    assert exit_code(Matrix(HEADER, (control,))) == 0


def test_a_stale_entry_of_the_baseline_fails_a_run_that_is_green_otherwise() -> None:
    assert exit_code(Matrix(HEADER, (outcome("stan::a.core"),)), [STALE]) == 1
    assert exit_code(Matrix(HEADER, (outcome("stan::a.core", "errored"),)), [STALE]) == 3


def test_what_an_earlier_run_has_left_is_void_where_the_control_is_red_now() -> None:
    judgement = Judgement()
    judgement.remember(outcome("stan::a.b", "failed", "it was lost", expected="a known limit", run="r1"))
    own, *others = judgement.settle(outcome("control::a.b", "failed", "the stub died"))
    assert (own.verdict, own.blamed_on) == (Verdict.ERRORED, Blame.MATRIX)
    assert [(each.cell.agent, each.verdict, each.blamed_on, each.run) for each in others] == [
        ("stan", Verdict.ERRORED, Blame.CONTROL, "r1")
    ]


def test_what_an_earlier_run_has_left_stays_as_it_was_where_the_control_is_green_now() -> None:
    judgement = Judgement()
    judgement.remember(outcome("stan::a.b", "failed", "it was lost", expected="a known limit"))
    assert judgement.settle(outcome("control::a.b")) == (outcome("control::a.b"),)


def test_what_was_void_and_is_no_longer_says_that_it_has_to_be_asked_again() -> None:
    judgement = Judgement()
    judgement.remember(outcome("stan::a.b", "errored", "the control is failed here", blamed_on=Blame.CONTROL))
    _, again = judgement.settle(outcome("control::a.b"))
    assert (again.verdict, again.blamed_on) == (Verdict.ERRORED, Blame.MATRIX)
    assert again.reason == "the control was red when this was asked, and is not any more: ask again"
