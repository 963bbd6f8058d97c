"""One cause, one red: what only repeats the cell that it rests on is not held against an agent once more."""

from __future__ import annotations

import pytest

from matrix.capabilities.registry import find_capabilities
from matrix.model import CONTROL, STATEFUL, STATELESS, Verdict
from matrix.outcome import Blame, Outcome, Reached
from matrix.results.judgement import NO_LONGER_RESTS, Judgement, settled
from tests.samples import outcome

REFUSED = "initialize was answered 400"


def cell(capability: str, server: str = "echo", transport: str = "http", revision: str = STATEFUL) -> str:
    """Return the id of a cell of one agent."""
    return f"stan::{capability}::{server}[{transport},{revision}]"


def red(
    text: str, reason: str = REFUSED, reached: Reached | None = Reached.NOTHING, verdict: str = "failed"
) -> Outcome:
    """Return a red outcome that got so far."""
    return outcome(text, verdict, reason, reached=reached)


TRANSPORT = red(cell("transport.http"))
STATELESS_RED = red(cell("lifecycle.stateless-2026", revision=STATELESS), "it speaks an older one")


def told(outcomes: tuple[Outcome, ...]) -> list[tuple[str, str | None]]:
    return [(each.verdict.value, each.rests_on) for each in outcomes]


def test_what_repeats_a_red_transport_rests_on_it_and_says_so() -> None:
    _, resting = settled((TRANSPORT, red(cell("invoke.x"), "no tools were offered")))
    assert (resting.verdict, resting.blamed_on, resting.rests_on) == (Verdict.UNSUPPORTED, None, TRANSPORT.cell.id)
    assert resting.reason == f"rests on transport.http, which is failed: {REFUSED}"
    assert resting.attempts == (Verdict.FAILED,)


@pytest.mark.parametrize(
    "other",
    [
        red(cell("invoke.x"), "it was lost", Reached.SHOWN),
        red(cell("invoke.x"), "it was lost", Reached.LISTED),
        red(cell("invoke.x"), REFUSED, None),
        red(cell("invoke.x", transport="stdio")),
        outcome(cell("invoke.x"), "passed", reached=Reached.SHOWN),
        outcome("sofia::invoke.x", "failed", REFUSED, reached=Reached.NOTHING),
        outcome(cell("invoke.x"), "errored", "our fault", reached=Reached.NOTHING),
    ],
    ids=["got to the end", "got further", "not told", "another transport", "green", "another agent", "our fault"],
)
def test_what_tells_something_of_its_own_stays_as_it_is(other: Outcome) -> None:
    assert settled((TRANSPORT, other))[1] == other


def test_a_transport_whose_calls_work_excuses_nothing_but_the_very_same_breach() -> None:
    missing = "MCP-Protocol-Version was missing"
    base = red(cell("transport.http"), missing, Reached.SHOWN)
    lost = red(cell("invoke.x"), "the result was lost", Reached.SHOWN)
    same = red(cell("invoke.y"), missing, Reached.SHOWN)
    assert told(settled((base, lost, same))) == [
        ("failed", None),
        ("failed", None),
        ("unsupported", base.cell.id),
    ]


def test_who_cannot_make_one_call_well_is_told_so_once_unless_the_reason_is_another() -> None:
    twice = "the server saw the call twice"
    base = red(cell("invoke.round-trip"), twice, Reached.SHOWN)
    same = red(cell("schema.x", "schemas"), twice, Reached.SHOWN)
    other = red(cell("schema.y", "schemas"), "an item was lost", Reached.LISTED)
    assert told(settled((base, same, other))) == [("failed", None), ("unsupported", base.cell.id), ("failed", None)]
    of_transport = red(cell("transport.http"), twice, Reached.SHOWN)
    assert told(settled((base, of_transport))) == [("unsupported", of_transport.cell.id), ("failed", None)]


def test_of_several_that_rest_on_one_another_the_deepest_is_named() -> None:
    outcomes = (
        red(cell("invoke.x", revision=STATELESS)),
        red(cell("transport.http", revision=STATELESS)),
        STATELESS_RED,
        TRANSPORT,
    )
    assert told(settled(outcomes)) == [("unsupported", TRANSPORT.cell.id)] * 3 + [("failed", None)]


def test_without_the_new_revision_one_cell_is_red_and_the_others_rest_on_it() -> None:
    outcomes = (
        outcome(cell("transport.http"), reached=Reached.SHOWN),
        STATELESS_RED,
        red(cell("transport.http", revision=STATELESS)),
        *(red(cell(f"invoke.{number}", revision=STATELESS)) for number in range(8)),
    )
    found = settled(outcomes)
    assert [each.verdict.value for each in found].count("failed") == 1
    assert {each.rests_on for each in found[2:]} == {STATELESS_RED.cell.id}


def test_a_capability_names_what_it_needs_besides() -> None:
    base, other = red(cell("a.base", "s")), red(cell("a.other", "t"))
    assert told(settled((base, other))) == [("failed", None)] * 2
    assert told(settled((base, other), needs={"a.other": ["a.base"]}))[1] == ("unsupported", base.cell.id)


def test_it_does_not_matter_which_of_them_comes_first() -> None:
    judgement = Judgement()
    other = red(cell("invoke.x"))
    assert judgement.settle(other) == (other,)
    own, resting = judgement.settle(TRANSPORT)
    assert (own, resting.rests_on) == (TRANSPORT, TRANSPORT.cell.id)


def test_where_the_control_is_red_nothing_rests_on_the_void_cell() -> None:
    control = outcome(f"{CONTROL}::transport.http", "failed", "the stub died")
    found = settled((control, TRANSPORT, red(cell("invoke.x"))))
    assert [(each.verdict, each.blamed_on) for each in found[1:]] == [
        (Verdict.ERRORED, Blame.CONTROL),
        (Verdict.FAILED, Blame.AGENT),
    ]


def test_the_control_rests_on_nothing() -> None:
    base = outcome(f"{CONTROL}::transport.http", "failed", "why", reached=Reached.NOTHING)
    other = outcome(f"{CONTROL}::invoke.x", "failed", "why", reached=Reached.NOTHING)
    assert [each.verdict for each in settled((base, other))] == [Verdict.ERRORED] * 2


def test_what_rested_on_a_cell_that_is_green_now_has_to_be_asked_again() -> None:
    judgement = Judgement()
    judgement.remember(outcome(cell("invoke.x"), "unsupported", "rests on it", rests_on=TRANSPORT.cell.id))
    judgement.remember(TRANSPORT)
    _, again = judgement.settle(outcome(cell("transport.http"), reached=Reached.SHOWN))
    assert (again.verdict, again.reason, again.rests_on) == (Verdict.ERRORED, NO_LONGER_RESTS, None)


def test_no_capability_rests_on_itself_and_each_need_is_one() -> None:
    known = {each.id: each for each in find_capabilities()}

    def below(name: str, above: tuple[str, ...] = ()) -> None:
        assert name not in above
        for need in known[name].needs:
            below(need, (*above, name))

    for name in known:
        below(name)
