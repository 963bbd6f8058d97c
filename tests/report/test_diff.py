"""What changed between two runs."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from matrix.model import Cell
from matrix.outcome import Matrix
from matrix.report.diff import render
from matrix.results.diff import compare
from tests.report.report_samples import EMPTY, HEADER, MIXED
from tests.samples import header, outcome


def matrix(*cells: tuple[str, str] | tuple[str, str, str]) -> Matrix:
    return Matrix(HEADER, tuple(outcome(*each) for each in cells))


OLD = matrix(
    ("stan::invoke.round-trip", "passed"),
    ("stan::invoke.unicode", "failed", "was lost"),
    ("stan::invoke.timeout", "failed", "came late"),
    ("stan::transport.headers", "passed"),
    ("stan::real.probe", "skipped", "no Node.js"),
    ("stan::discovery.pagination", "passed"),
    ("sofia::invoke.round-trip", "passed"),
)
NEW = matrix(
    ("stan::discovery.pagination", "errored", "the stub ended"),
    ("stan::real.probe", "passed"),
    ("stan::transport.headers", "failed", "the header was dropped"),
    ("stan::invoke.timeout", "timed-out", "it hung"),
    ("stan::invoke.unicode", "passed"),
    ("stan::invoke.round-trip", "failed", "it never came back"),
    ("genie::invoke.round-trip", "failed", "a newcomer fails"),
)


def test_the_regressions_come_first_and_the_sum_last(snapshot: SnapshotAssertion) -> None:
    assert render(compare(OLD, NEW)) == snapshot(name="diff_mixed")


@pytest.mark.parametrize("same", [MIXED, EMPTY])
def test_equal_runs_have_no_changes(same: Matrix) -> None:
    assert compare(same, Matrix(HEADER, same.outcomes[::-1])) == ()
    assert render(()) == "no verdict changed\n"


def test_another_reason_alone_is_no_change() -> None:
    assert compare(matrix(("stan::a.b", "failed", "x")), matrix(("stan::a.b", "failed", "y"))) == ()


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("passed", "failed", "worse"),
        ("passed", "timed-out", "worse"),
        ("passed", "flaky", "worse"),
        ("passed", "errored", "worse"),
        ("skipped", "failed", "worse"),
        ("unsupported", "failed", "worse"),
        ("failed", "passed", "better"),
        ("errored", "passed", "better"),
        ("failed", "skipped", "changed"),
        ("failed", "errored", "changed"),
        ("failed", "timed-out", "changed"),
        ("passed", "skipped", "changed"),
        ("passed", "unsupported", "changed"),
    ],
)
def test_a_change_is_worse_where_red_is_new_and_better_where_it_went(before: str, after: str, kind: str) -> None:
    found = compare(matrix(("stan::a.b", before)), matrix(("stan::a.b", after)))
    assert [each.kind for each in found] == [kind]


@pytest.mark.parametrize(("severity", "counts"), [("core", True), ("expected", True), ("optional", False)])
def test_only_a_core_or_expected_capability_can_regress(severity: str, counts: bool) -> None:
    new = Matrix(header({"a.b": severity}), (outcome("s::a.b", "failed"),))
    found = compare(matrix(("s::a.b", "passed")), new)
    assert [each.is_regression for each in found] == [counts]


def test_a_new_cell_and_one_that_has_gone_are_no_regressions() -> None:
    found = compare(OLD, NEW)
    assert {(each.kind, each.cell.agent, each.is_regression) for each in found if each.cell.agent != "stan"} == {
        ("new", "genie", False),
        ("gone", "sofia", False),
    }


def test_changes_of_a_kind_are_sorted_by_cell() -> None:
    cells = [f"{agent}::a.b::echo[{transport},any]" for agent in "cab" for transport in ("stdio", "http")]
    found = compare(matrix(*((cell, "passed") for cell in cells)), matrix(*((cell, "failed") for cell in cells)))
    assert [each.cell for each in found] == sorted(map(Cell.parse, cells))
