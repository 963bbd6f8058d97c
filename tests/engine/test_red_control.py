"""Where the control is red, everything that tells of a run says the same: errored, and no agent is to blame."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from rich.console import Console

from matrix.engine.prepare import Wish
from matrix.engine.run import Request, Settling
from matrix.events import Finished, Revised, RunEvent
from matrix.model import CONTROL, Verdict
from matrix.outcome import Blame, Matrix, Outcome
from matrix.planned import Plan
from matrix.pytest_cells import Red, judge
from matrix.report import markdown, terminal
from matrix.report.diff import render
from matrix.report.story import listing, tell
from matrix.results.command import Reproduction
from matrix.results.continuing import Kept
from matrix.results.diff import compare
from matrix.results.judgement import exit_code
from matrix.results.reading import read_matrix
from matrix.results.writing import ResultsWriter, write_complete
from tests.samples import agent, header, outcome

AGENTS = {name: agent(name) for name in (CONTROL, "sofia", "stan")}
PLAN = Plan((), tuple(AGENTS.values()), (), ())
HEADER = header({"a.core": "core"}, planned=3)
FOUND = (
    outcome("control::a.core", "failed", "the stub died"),
    outcome("sofia::a.core"),
    outcome("stan::a.core", "failed", "it was lost"),
)
WHY = "the control is failed here: the stub died"
EVIDENCE = {
    "cell": "a",
    "question": "Does it?",
    "model": [],
    "server": {"frames": [], "http": [], "processes": []},
    "agent": [],
    "notes": [],
}


def settled_in(folder: Path, found: tuple[Outcome, ...]) -> tuple[Matrix, list[RunEvent]]:
    """Take outcomes in this order as a run does; return what is in the folder then, and what was told."""
    told: list[RunEvent] = []
    kept = Kept(HEADER)
    with ResultsWriter(folder, HEADER) as results:
        settling = Settling(Request(Wish(folder), folder), PLAN, kept, results, Reproduction())
        for each in found:
            settling.take(Finished(each, EVIDENCE), told.append)
    matrix = read_matrix(folder).in_order()
    assert {each.cell.id: each for each in matrix.outcomes} == settling.outcomes
    write_complete(folder, matrix)
    return read_matrix(folder), told


@pytest.fixture(
    scope="module", params=permutations(FOUND), ids=lambda found: "-".join(each.cell.agent for each in found)
)
def settled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("out")
    matrix, told = settled_in(folder, request.param)
    last = {each.outcome.cell: each.outcome for each in told if isinstance(each, Finished | Revised)}
    assert last == {each.cell: each for each in matrix.outcomes}
    yield matrix
    lines = [json.loads(line) for line in (folder / "matrix.jsonl").read_text().splitlines()]
    assert len(lines) == 5


def of(matrix: Matrix, name: str) -> Outcome:
    (found,) = (each for each in matrix.outcomes if each.cell.agent == name)
    return found


def test_the_results_say_errored_and_blame_the_control_for_the_others(settled: Matrix) -> None:
    assert [(each.cell.agent, each.verdict, each.reason, each.blamed_on) for each in settled.outcomes] == [
        (CONTROL, Verdict.ERRORED, WHY, Blame.MATRIX),
        ("sofia", Verdict.ERRORED, WHY, Blame.CONTROL),
        ("stan", Verdict.ERRORED, WHY, Blame.CONTROL),
    ]
    assert exit_code(settled) == 3


def test_the_table_says_so(settled: Matrix) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(terminal.render(settled))
    text = console.export_text()
    assert "3 cells: 3 errored" in text
    assert text.count(WHY) == 1
    assert "failed" not in text.replace(WHY, "")


def test_the_page_says_so(settled: Matrix) -> None:
    page = markdown.render(settled)
    assert page.count("🟣 0/1") >= 3
    assert "🔴 0/1" not in page
    assert page.count(WHY) == 1


@pytest.mark.parametrize("name", ["sofia", "stan"])
def test_a_story_says_so(settled: Matrix, name: str) -> None:
    story = tell(of(settled, name), EVIDENCE)
    assert f"errored (the control is red): {WHY}\n" in story
    assert f"errored (our fault): {WHY}\n" in tell(of(settled, CONTROL), EVIDENCE)
    assert listing(settled.outcomes).count(f": {WHY}") == 3


def test_a_diff_says_so(settled: Matrix) -> None:
    green = Matrix(HEADER, tuple(outcome(each.cell.id) for each in settled.outcomes))
    changes = compare(green, settled)
    assert [(each.cell.agent, each.after) for each in changes] == [
        (name, Verdict.ERRORED) for name in (CONTROL, "sofia", "stan")
    ]
    assert f"passed → errored: {WHY}" in render(changes)


@pytest.mark.parametrize("name", ["sofia", "stan"])
def test_a_test_of_the_cell_says_so(settled: Matrix, name: str) -> None:
    with pytest.raises(Red, match=f"^errored: {WHY}\n"):
        judge(of(settled, name))


def test_a_line_is_written_again_when_the_control_turns_out_to_be_red(tmp_path: Path) -> None:
    control, sofia, stan = FOUND
    _, told = settled_in(tmp_path, (stan, sofia, control))
    assert [(type(each), each.outcome.cell.agent) for each in told if isinstance(each, Finished | Revised)] == [
        (Finished, "stan"),
        (Finished, "sofia"),
        (Finished, CONTROL),
        (Revised, "sofia"),
        (Revised, "stan"),
    ]
