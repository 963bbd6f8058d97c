"""What several attempts at one cell come to."""

from __future__ import annotations

import pytest

from matrix.engine.queue import Attempt, combined
from matrix.model import Verdict
from matrix.outcome import Blame
from tests.samples import outcome

P, F, T, E, U = Verdict.PASSED, Verdict.FAILED, Verdict.TIMED_OUT, Verdict.ERRORED, Verdict.UNSUPPORTED
SAID = {P: "", F: "it was lost", T: "it hung", E: "the stub died", U: "it has none"}


def attempts(*verdicts: Verdict) -> list[Attempt]:
    """Return attempts of these verdicts, a second each, whose evidence is their number."""
    return [
        Attempt(outcome("stan::a.b", verdict, SAID[verdict], duration=1.0), number)
        for number, verdict in enumerate(verdicts, start=1)
    ]


@pytest.mark.parametrize("verdict", [P, F, T, E, U])
def test_attempts_that_agree_come_to_what_each_came_to_with_the_evidence_of_the_first(verdict: Verdict) -> None:
    one, all_of_them = combined(attempts(verdict)), combined(attempts(verdict, verdict, verdict))
    assert (all_of_them.outcome.verdict, all_of_them.outcome.reason) == (verdict, SAID[verdict])
    assert all_of_them.outcome.blamed_on == one.outcome.blamed_on
    assert (all_of_them.outcome.attempts, all_of_them.outcome.duration) == ((verdict,) * 3, 3.0)
    assert all_of_them.evidence == 1


@pytest.mark.parametrize(
    ("verdicts", "reason", "evidence"),
    [
        ((P, F, P), "passed 2 of 3 times; otherwise: it was lost", 2),
        ((F, P), "passed 1 of 2 times; otherwise: it was lost", 1),
        ((P, P, T, F), "passed 2 of 4 times; otherwise: it hung", 3),
        ((U, F), "passed 0 of 2 times; otherwise: it has none", 1),
        ((P, U), "passed 1 of 2 times; otherwise: it has none", 2),
    ],
)
def test_a_flaky_cell_keeps_every_verdict_and_the_evidence_of_the_first_that_was_not_passed(
    verdicts: tuple[Verdict, ...], reason: str, evidence: int
) -> None:
    whole = combined(attempts(*verdicts))
    assert (whole.outcome.verdict, whole.outcome.blamed_on) == (Verdict.FLAKY, Blame.AGENT)
    assert (whole.outcome.reason, whole.outcome.attempts, whole.evidence) == (reason, verdicts, evidence)


def test_a_cell_that_never_passed_is_not_flaky_however_it_failed() -> None:
    whole = combined(attempts(F, T))
    assert (whole.outcome.verdict, whole.outcome.reason) == (F, SAID[F])
    assert (whole.outcome.attempts, whole.evidence) == ((F, T), 1)


@pytest.mark.parametrize(("verdicts", "number"), [((P, E, P), 2), ((F, E), 2), ((P, F, E, E), 3), ((E, F), 1)])
def test_an_errored_attempt_makes_the_cell_errored_and_blames_no_agent(
    verdicts: tuple[Verdict, ...], number: int
) -> None:
    whole = combined(attempts(*verdicts))
    assert (whole.outcome.verdict, whole.outcome.blamed_on) == (Verdict.ERRORED, Blame.MATRIX)
    assert whole.outcome.reason == f"attempt {number} of {len(verdicts)}: the stub died"
    assert (whole.outcome.attempts, whole.evidence) == (verdicts, number)


def test_an_attempt_that_a_server_has_spoilt_is_blamed_on_the_server() -> None:
    spoilt = Attempt(outcome("stan::a.b", "errored", "it ended", blamed_on=Blame.SERVER), "seen")
    whole = combined([*attempts(P), spoilt])
    assert (whole.outcome.blamed_on, whole.evidence) == (Blame.SERVER, "seen")
