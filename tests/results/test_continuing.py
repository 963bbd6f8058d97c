"""Several runs into one folder: what a later one keeps of an earlier one."""

from __future__ import annotations

from dataclasses import replace

from matrix.model import Severity
from matrix.outcome import CapabilityHeader, ConfigsHeader, EarlierRun, Matrix, RunHeader
from matrix.results.continuing import Kept, renewed, resumed
from tests.results.runs import FAILED, HEADER, KNOWN, PASSED
from tests.samples import outcome

NOW = replace(HEADER, created="2026-11-21T10:00:00+00:00", packages={"mcp": "2.4.0"}, planned=1)
BEFORE = EarlierRun(HEADER.created, HEADER.matrix, HEADER.python, HEADER.packages)
BOTH = [PASSED.cell.id, FAILED.cell.id]


def ids(kept: Kept) -> tuple[list[str], list[str]]:
    """Return the cells that are kept, and those among them that are not asked again."""
    return [each.cell.id for each in kept.outcomes], [each.cell.id for each in kept.done]


def test_a_resumed_run_keeps_what_was_finished_of_its_plan_and_drops_the_rest() -> None:
    before = Matrix(HEADER, (PASSED, FAILED, KNOWN), complete=False)
    assert ids(resumed(before, NOW, BOTH)) == (BOTH, BOTH)


def test_a_resumed_run_asks_again_what_was_errored() -> None:
    before = Matrix(HEADER, (PASSED, outcome("stan::invoke.round-trip", "errored")), complete=False)
    assert ids(resumed(before, NOW, BOTH)) == ([PASSED.cell.id], [PASSED.cell.id])


def test_a_resumed_run_asks_again_what_a_config_store_has_changed() -> None:
    cells = [outcome(f"stan::real.discovery::{name}[http,any]") for name in "ab"]

    def done(before: ConfigsHeader | None, now: ConfigsHeader | None) -> str:
        matrix = Matrix(replace(HEADER, configs=before), tuple(cells), complete=False)
        kept = resumed(matrix, replace(NOW, configs=now), [each.cell.id for each in cells])
        return "".join(each.cell.server for each in kept.done)

    old = ConfigsHeader("u", {"a": "1", "b": "1"})
    assert done(old, ConfigsHeader("u", {"a": "1", "b": "2"})) == "a"
    assert done(old, ConfigsHeader("v", old.servers)) == ""
    assert done(None, old) == done(old, None) == ""
    assert done(None, None) == done(old, old) == "ab"


def test_a_narrow_run_keeps_all_that_a_wider_one_has_left_and_asks_its_own_cells_again() -> None:
    kept = renewed(Matrix(HEADER, (PASSED, FAILED, KNOWN)), NOW, [FAILED.cell.id])
    assert ids(kept) == ([PASSED.cell.id, FAILED.cell.id, KNOWN.cell.id], [])
    assert (kept.header.run, kept.header.earlier, kept.header.planned) == ("r2", {"r1": BEFORE}, 3)
    assert kept.header.created == NOW.created


def test_a_narrow_run_of_cells_that_are_new_makes_the_results_wider() -> None:
    assert renewed(Matrix(HEADER, (PASSED, FAILED)), NOW, [KNOWN.cell.id]).header.planned == 3


def test_what_an_interrupted_run_has_not_asked_stays_missing_after_a_narrow_one() -> None:
    before = Matrix(replace(HEADER, planned=5), (PASSED, FAILED), complete=False)
    assert renewed(before, NOW, [FAILED.cell.id]).header.planned == 5
    assert renewed(before, NOW, [KNOWN.cell.id]).header.planned == 5


def test_a_run_that_keeps_nothing_is_the_first_one() -> None:
    assert resumed(Matrix(HEADER, (PASSED,), complete=False), NOW, [FAILED.cell.id]).header == NOW


def test_each_run_has_an_id_of_its_own_and_those_of_which_nothing_is_left_are_forgotten() -> None:
    first = Matrix(HEADER, (PASSED, FAILED))
    second = renewed(first, NOW, BOTH)
    after = Matrix(second.header, tuple(replace(each, run=second.header.run) for each in second.outcomes))
    third = renewed(after, NOW, BOTH)
    assert (second.header.run, third.header.run) == ("r2", "r3")
    assert list(third.header.earlier) == ["r2"]


def test_a_header_knows_what_the_kept_outcomes_need_to_be_read() -> None:
    other = RunHeader(agents={"stan": "renewed"}, capabilities={"b.c": CapabilityHeader(Severity.OPTIONAL)})
    head = renewed(Matrix(HEADER, (PASSED,)), other, []).header
    assert head.agents == {"control": "the SDK", "stan": "renewed"}
    assert set(head.capabilities) == {"invoke.round-trip", "b.c"}


def test_a_narrow_run_that_was_interrupted_goes_on_with_what_it_had_still_to_renew() -> None:
    whole = renewed(Matrix(HEADER, (PASSED, FAILED)), NOW, BOTH)
    left = Matrix(whole.header, (replace(PASSED, run="r2"), FAILED), complete=False)
    assert ids(resumed(left, NOW, BOTH)) == ([PASSED.cell.id], [PASSED.cell.id])


def test_a_run_that_is_resumed_twice_keeps_what_both_have_finished() -> None:
    first = Matrix(HEADER, (PASSED,), complete=False)
    second = resumed(first, NOW, BOTH)
    left = Matrix(second.header, (PASSED, replace(FAILED, run="r2")), complete=False)
    assert ids(resumed(left, NOW, BOTH)) == (BOTH, BOTH)


def test_a_narrow_run_over_one_that_never_ended_goes_on_with_what_it_had_still_to_renew() -> None:
    wide = Matrix(replace(HEADER, planned=5), (PASSED, FAILED), complete=False)
    narrow = renewed(wide, NOW, BOTH)
    left = Matrix(narrow.header, (replace(PASSED, run="r2"), FAILED), complete=False)
    assert ids(resumed(left, NOW, BOTH)) == ([PASSED.cell.id], [PASSED.cell.id])
