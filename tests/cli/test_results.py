"""What runs have left, looked at again: `show`, `report`, `diff` and `merge`."""

from __future__ import annotations

from pathlib import Path

import pytest

from matrix.outcome import Outcome
from matrix.results.reading import read_matrix
from tests.cli.said import CELL, EVIDENCE, Matrix, results
from tests.samples import outcome


def test_the_story_of_a_cell_is_shown(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "failed", "it was lost"), evidence=EVIDENCE)
    code, out, err = matrix("show", "stan::a.core::*")
    assert (code, err) == (0, "")
    assert out.startswith(f"{CELL}\n  Does it go through?\n")
    assert "failed: it was lost\nagain: python -m matrix run" in out


def test_a_cell_that_was_not_asked_has_no_story(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "skipped", "no key"))
    code, out, err = matrix("show", CELL)
    assert (code, err) == (0, "")
    assert out == f"{CELL}\n\nskipped: no key\nNo evidence of it was kept.\nagain: {outcome(CELL).reproduce}\n"


def test_a_report_is_printed_again_and_published(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "failed", "it was lost"), outcome("control::a.core"))
    code, out, _ = matrix("report", "out")
    assert code == 0
    assert out.startswith("agent      a  all\ncontrol  1/1  1/1\nstan     0/1  0/1\n")
    assert "2 cells: 1 passed, 1 failed" in out
    assert matrix("report", "out/matrix.jsonl", "--format", "markdown")[1].startswith("# Agent matrix\n")
    assert matrix("report", "out", "--publish", "results") == (0, "published in results\n", "")
    assert matrix("report", "results", "--format", "markdown")[1] == (project / "results/matrix.md").read_text()


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (outcome(CELL), outcome(CELL), 0),
        (outcome(CELL, "failed"), outcome(CELL), 0),
        (outcome(CELL), outcome(CELL, "failed"), 1),
        (outcome("stan::a.optional"), outcome("stan::a.optional", "failed"), 0),
    ],
)
def test_a_diff_exits_1_on_a_regression_only(
    project: Path, matrix: Matrix, before: Outcome, after: Outcome, code: int
) -> None:
    results(project / "old", before)
    results(project / "new", after)
    assert matrix("diff", "old", "new/matrix.jsonl")[0] == code


@pytest.mark.parametrize(
    ("verdict", "code"), [("passed", 0), ("failed", 1), ("errored", 3)], ids=["passed", "failed", "errored"]
)
def test_merged_shards_exit_as_one_run_would(project: Path, matrix: Matrix, verdict: str, code: int) -> None:
    results(project / "1", outcome("control::a.core"))
    results(project / "2", outcome(CELL, verdict))
    said = matrix("merge", "1", "2/matrix.jsonl", "--output", "all")
    assert (said[0], said[2]) == (code, "")
    assert len(read_matrix(project / "all").outcomes) == 2


OTHERS = (
    outcome("stan::a.optional"),
    outcome("stan::b.core", "timed-out", "it hung"),
    outcome("stan::b.more", "skipped", "no key"),
    outcome("sofia::a.core", "failed", "it was lost"),
)


def test_several_cells_are_listed_the_failures_first(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "failed", "it was lost"), *OTHERS)
    where = "echo[http,2025-11-25]"
    listed = [
        f"failed     stan::a.core::{where}: it was lost",
        f"timed-out  stan::b.core::{where}: it hung",
        f"skipped    stan::b.more::{where}: no key",
        f"passed     stan::a.optional::{where}",
        "",
        "4 cells; `python -m matrix show CELL` tells the story of one",
    ]
    assert matrix("show", "stan::*") == (0, "\n".join(listed) + "\n", "")
    assert matrix("show", f"*::{where}")[1].count("\n") == 7


def test_a_glob_of_one_cell_tells_its_story(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "failed", "it was lost"), *OTHERS, evidence=EVIDENCE)
    assert matrix("show", "stan::a.c*")[1].startswith(f"{CELL}\n  Does it go through?\n")


def test_an_id_that_is_a_glob_of_others_too_tells_its_own_story(project: Path, matrix: Matrix) -> None:
    glob, other = "stan::a.core::e*[http,any]", "stan::a.core::echo[http,any]"
    results(project / "out", outcome(glob, "skipped", "no key"), outcome(other, "skipped", "no such server"))
    assert matrix("show", glob)[1].startswith(f"{glob}\n\nskipped: no key\n")
