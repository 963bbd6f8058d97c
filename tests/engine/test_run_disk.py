"""A run whose disk fills up, or whose folder goes away: what was done is kept, and a later run goes on with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from matrix.errors import WritingFailed
from matrix.events import Finished, RunEvent
from matrix.results.reading import read_evidence, read_matrix
from tests.engine.projects import Witness, ask, make_project, verdicts
from tests.results.test_writing import full_disk

ROW = '[tool.matrix.agents]\nmute = "mute:agent"\n'


def test_what_was_done_before_the_disk_was_full_is_kept_and_the_rest_is_asked_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "project", ROW)
    room = full_disk(2_000)
    happened = Witness.happened

    def fills_the_disk(witness: Witness, event: RunEvent) -> None:
        happened(witness, event)
        if isinstance(event, Finished):
            room.__enter__()

    with monkeypatch.context() as patched:
        patched.setattr(Witness, "happened", fills_the_disk)
        with pytest.raises(WritingFailed, match="go on with --resume"):
            ask(project, project / "out", jobs=1)
    room.__exit__(None, None, None)
    before = read_matrix(project / "out")
    assert (len(before.outcomes), before.complete) == (1, False)

    folder, result, witness = ask(project, project / "out", resume=True)
    assert (witness.done, len(witness.asked)) == (1, 1)
    assert verdicts(result.whole) == {"control": "passed", "mute": "failed"}
    assert read_matrix(folder).complete


def test_a_run_whose_folder_goes_away_ends_with_all_of_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "project", ROW)
    happened = Witness.happened
    gone: list[str] = []

    def removes_the_folder(witness: Witness, event: RunEvent) -> None:
        happened(witness, event)
        if isinstance(event, Finished) and not gone:
            gone.append(event.outcome.cell.agent)
            shutil.rmtree(project / "out")

    monkeypatch.setattr(Witness, "happened", removes_the_folder)
    folder, _, _ = ask(project, project / "out")
    matrix = read_matrix(folder)
    assert (verdicts(matrix), matrix.complete) == ({"control": "passed", "mute": "failed"}, True)
    assert [read_evidence(folder, each)["cell"] for each in matrix.outcomes if each.cell.agent not in gone]
