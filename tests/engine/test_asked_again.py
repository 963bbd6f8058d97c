"""Cells that were in flight together when their worker was lost: the guilty one is blamed, or the loss stays told."""

from __future__ import annotations

from matrix.engine.asked_again import AskedAgain, Attempt
from matrix.engine.process import STOPPED, Lost
from matrix.model import STATEFUL, Cell, Transport, Verdict
from matrix.outcome import Blame, Outcome

ONE, TWO, THREE = (Cell("tiny", f"invoke.{name}", ("echo",), Transport.HTTP, STATEFUL) for name in "abc")
DIED = Lost(Verdict.FAILED, "the agent ended its process with exit code 1")


def attempt(cell: Cell, verdict: Verdict = Verdict.PASSED) -> Attempt:
    return Attempt(Outcome.of_one_attempt(cell, verdict), {"notes": []})


def waiting(lost: Lost = DIED) -> AskedAgain:
    again = AskedAgain()
    again.expect([ONE, TWO], lost)
    return again


def test_who_was_not_in_flight_is_kept_at_once() -> None:
    other = attempt(THREE)
    assert waiting().settle(other) == [other]
    assert AskedAgain().settle(other) == [other]


def test_where_one_ends_the_worker_again_the_other_has_passed() -> None:
    again, innocent, guilty = waiting(), attempt(ONE), attempt(TWO, Verdict.FAILED)
    assert again.settle(innocent) == []
    assert again.settle(guilty, ended_worker=True) == [innocent, guilty]
    assert again.settle(attempt(ONE)) == [attempt(ONE)], "nothing is waited for any more"


def test_where_none_does_all_are_flaky_and_say_why() -> None:
    again = waiting()
    again.settle(attempt(ONE))
    told = [each.outcome for each in again.settle(attempt(TWO))]
    assert {(each.verdict, each.blamed_on, each.attempts) for each in told} == {
        (Verdict.FLAKY, Blame.AGENT, (Verdict.FAILED, Verdict.PASSED))
    }
    assert all(DIED.reason in each.reason for each in told)


def test_what_others_may_have_done_is_noted_and_nobody_blamed() -> None:
    again = waiting(STOPPED)
    again.settle(attempt(ONE))
    told = again.settle(attempt(TWO))
    assert [each.outcome for each in told] == [attempt(ONE).outcome, attempt(TWO).outcome]
    assert all(STOPPED.reason in each.evidence["notes"][0]["text"] for each in told)


def test_what_is_red_for_a_reason_of_its_own_keeps_that() -> None:
    again = waiting()
    again.settle(attempt(ONE, Verdict.TIMED_OUT))
    red, flaky = again.settle(attempt(TWO))
    assert (red.outcome.verdict, flaky.outcome.verdict) == (Verdict.TIMED_OUT, Verdict.FLAKY)


def test_where_the_rest_is_given_up_what_has_ended_is_kept() -> None:
    again = waiting()
    again.settle(attempt(ONE))
    assert [each.outcome.verdict for each in again.release()] == [Verdict.FLAKY]
    assert again.release() == []
