"""A run in shards, on several machines: joined, it is the run that one machine would have made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matrix.engine.prepare import Wish
from matrix.model import Verdict
from matrix.results.merging import merged
from matrix.results.reading import read_matrix
from matrix.results.writing import complete_lines, published
from tests.engine.projects import QUESTION, ask, make_project

FEW = replace(QUESTION, capabilities=("invoke.round-trip", "invoke.unicode", "lifecycle.version"))


def test_the_shards_of_a_run_joined_are_the_whole_run_to_the_byte_but_for_the_header(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", '[tool.matrix.agents]\nmute = "mute:agent"\n')
    whole, _, _ = ask(project, tmp_path / "whole", FEW)
    parts = [
        ask(project, tmp_path / f"part-{part}", FEW, wish=Wish(project, FEW, shard=(part, 2)))[0] for part in (1, 2)
    ]
    shards = [(str(each), read_matrix(each)) for each in parts]
    assert all(matrix.complete and matrix.outcomes for _, matrix in shards)
    expected, *outcomes = complete_lines(published(read_matrix(whole)))
    header, *joined = complete_lines(published(merged(shards)))
    assert joined == outcomes
    assert header != expected
    assert '"rests_on": "mute::' in "".join(joined), "there is something to be judged across the shards"
    red = [each for _, matrix in shards for each in matrix.outcomes if each.verdict is Verdict.FAILED]
    assert len(red) == 2, "each shard by itself could not know that they have one cause"
    assert [each.verdict for each in merged(shards).outcomes].count(Verdict.FAILED) == 1
