"""A narrow run into a folder that holds a wider one renews the cells that it asks, and only these."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from matrix.capabilities.registry import find_capabilities
from matrix.engine import prepare
from matrix.engine.prepare import Wish
from matrix.engine.run import Request, run
from matrix.errors import ConfigurationError
from matrix.events import Finished, RunEvent
from matrix.model import STATEFUL, Transport
from matrix.outcome import EarlierRun, Matrix
from matrix.plan import Filters
from matrix.results.reading import read_evidence, read_matrix
from tests.engine.projects import Asked, Witness, ask, make_project, verdicts

TRIP, UNICODE = "invoke.round-trip", "invoke.unicode"
ROWS = '[tool.matrix.agents]\nmute = "mute:agent"\ngood = "good:agent"\n'
GOOD = "from matrix.adapters.control import control\n\nasync def agent(task):\n    return await control(task)\n"
MUTE_ONCE = Filters(agents=("mute",), capabilities=(TRIP,))


@pytest.fixture(scope="module", autouse=True)
def catalogue() -> Iterator[None]:
    """Let there be two questions only: then a run of everything takes a moment."""
    small = tuple(
        replace(each, transports=(Transport.STDIO,), revisions=(STATEFUL,))
        for each in find_capabilities()
        if each.id in {TRIP, UNICODE}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "find_capabilities", lambda: small)
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"), ROWS, good=GOOD)


@pytest.fixture(scope="module")
def wide(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Return a run of everything."""
    return ask(project, tmp_path_factory.mktemp("wide"), Filters())


@pytest.fixture
def output(wide: Asked, tmp_path: Path) -> Path:
    """Return a copy of its folder."""
    return shutil.copytree(wide[0], tmp_path / "out")


def runs(matrix: Matrix) -> dict[str, list[str]]:
    """Return which cells are of which run."""
    found: dict[str, list[str]] = {}
    for each in matrix.outcomes:
        found.setdefault(each.run, []).append(f"{each.cell.agent} {each.cell.capability}")
    return found


def test_a_narrow_run_leaves_the_cells_that_it_does_not_ask_as_they_were(
    project: Path, wide: Asked, output: Path
) -> None:
    before = {line for line in (output / "matrix.jsonl").read_text().splitlines() if '"outcome"' in line}
    _, result, witness = ask(project, output, MUTE_ONCE)
    assert (witness.done, witness.asked, result.exit_code) == (0, {"control", "mute"}, 1)
    after = read_matrix(output)
    assert after == result.whole
    assert after.complete
    assert runs(after) == {
        "r2": [f"control {TRIP}", f"mute {TRIP}"],
        "r1": [f"control {UNICODE}", f"good {TRIP}", f"good {UNICODE}", f"mute {UNICODE}"],
    }
    assert len(before & set((output / "matrix.jsonl").read_text().splitlines())) == 4
    for each in after.outcomes:
        assert read_evidence(output, each)["cell"] == each.cell.id
    old = wide[1].matrix.header
    assert after.header.run == "r2"
    assert after.header.earlier == {"r1": EarlierRun(old.created, old.matrix, old.python, old.packages)}
    assert after.header.planned == 6


def test_the_exit_code_of_a_narrow_run_and_its_table_speak_of_its_own_cells(project: Path, output: Path) -> None:
    _, result, _ = ask(project, output, Filters(agents=("good",), capabilities=(TRIP,)))
    assert (result.exit_code, verdicts(result.matrix)) == (0, {"control": "passed", "good": "passed"})
    assert (result.matrix.complete, result.matrix.header.planned) == (True, 2)
    assert len(result.whole.outcomes) == 6
    mute = [each.verdict.value for each in result.whole.outcomes if each.cell.agent == "mute"]
    assert mute == ["failed", "unsupported"]  # the second says what the first has said


class Impatient(Witness):
    """Interrupts the run as soon as the first cell has ended."""

    def happened(self, event: RunEvent) -> None:
        super().happened(event)
        if isinstance(event, Finished):
            raise KeyboardInterrupt


def test_an_interrupted_narrow_run_loses_nothing_and_goes_on_where_it_was_cut(project: Path, output: Path) -> None:
    before = read_matrix(output)
    request = Request(Wish(project, MUTE_ONCE), output, jobs=1)
    result = run(request, Impatient())
    assert (result.exit_code, result.interrupted, len(result.matrix.outcomes)) == (130, True, 1)
    left = read_matrix(output)
    assert not left.complete
    assert {(each.cell.id, each.verdict) for each in left.outcomes} == {
        (each.cell.id, each.verdict) for each in before.outcomes
    }
    assert runs(left)["r2"] == [f"control {TRIP}"]

    _, resumed, witness = ask(project, output, MUTE_ONCE, resume=True)
    assert (witness.done, witness.asked, resumed.exit_code) == (1, {"mute"}, 1)
    assert runs(resumed.whole) == {
        "r2": [f"control {TRIP}"],
        "r1": [f"control {UNICODE}", f"good {TRIP}", f"good {UNICODE}", f"mute {UNICODE}"],
        "r3": [f"mute {TRIP}"],
    }
    assert read_matrix(output) == resumed.whole
    assert resumed.whole.complete


def test_a_narrow_run_can_be_resumed_in_the_folder_of_a_wide_one_that_was_interrupted(
    project: Path, output: Path
) -> None:
    path = output / "matrix.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{each}\n" for each in lines[:-1] if f'"cell": "mute::{TRIP}' not in each))
    _, result, witness = ask(project, output, MUTE_ONCE, resume=True)
    assert (witness.done, witness.asked) == (1, {"mute"})
    assert (len(result.whole.outcomes), result.whole.complete) == (6, True)
    assert verdicts(result.matrix) == {"control": "passed", "mute": "failed"}


@pytest.mark.parametrize("options", [{}, {"resume": True}])
def test_a_narrow_run_into_results_that_cannot_be_read_is_refused_and_overwrites_nothing(
    project: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    path = tmp_path / "matrix.jsonl"
    path.write_text("not even results\n")
    with pytest.raises(ConfigurationError, match="line 1: should be the header"):
        ask(project, tmp_path, MUTE_ONCE, **options)
    assert {each.name for each in tmp_path.iterdir()} <= {"matrix.jsonl", ".lock"}
    assert path.read_text() == "not even results\n"


def test_a_run_of_everything_replaces_all_that_is_there(project: Path, output: Path) -> None:
    (output / "evidence" / "old.json").write_text("{}")
    (output / "matrix.jsonl").write_text("not even results\n")
    _, result, witness = ask(project, output, Filters())
    assert (witness.done, result.whole) == (0, result.matrix)
    assert (result.matrix.header.run, result.matrix.header.earlier) == ("r1", {})
    assert not (output / "evidence" / "old.json").exists()
    assert read_matrix(output) == result.matrix
