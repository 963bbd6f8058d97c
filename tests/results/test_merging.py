"""The shards of a run joined into one: what is refused, and what the whole comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from matrix.errors import CannotMerge, UsageError
from matrix.model import Severity, Verdict
from matrix.outcome import CapabilityHeader, Matrix, Outcome, Reached
from matrix.results.baseline import Entry
from matrix.results.judgement import settled
from matrix.results.merging import merged
from matrix.results.reading import read_evidence, read_matrix
from matrix.results.writing import write_merged
from matrix.shard import Shard
from tests.results.runs import EVIDENCE, FAILED, HEADER, KNOWN, PASSED, written
from tests.samples import outcome


def test_shards_are_merged_with_their_headers_and_their_evidence(tmp_path: Path) -> None:
    folders = [written(tmp_path / "1", FAILED, PASSED), written(tmp_path / "2", KNOWN)]
    runs = [(str(folder), read_matrix(folder)) for folder in folders]
    known = {"b.c": CapabilityHeader(Severity.OPTIONAL)}
    other = Matrix(replace(HEADER, agents={"sofia": "meets"}, capabilities=known), ())
    write_merged(merged([*runs, ("3", other)]), folders, tmp_path / "all")
    found = read_matrix(tmp_path / "all")
    assert found.complete
    assert [each.cell for each in found.outcomes] == [PASSED.cell, FAILED.cell, KNOWN.cell]
    assert found.header.planned == 3
    assert found.header.agents == {"control": "the SDK", "stan": "a seller", "sofia": "meets"}
    assert [found.severity(each) for each in ("invoke.round-trip", "b.c")] == [Severity.CORE, Severity.OPTIONAL]
    assert [read_evidence(tmp_path / "all", each) for each in found.outcomes] == [EVIDENCE] * 3


def test_shards_can_be_merged_into_the_folder_of_one_of_them(tmp_path: Path) -> None:
    folders = [written(tmp_path / "1", FAILED), written(tmp_path / "2", PASSED)]
    whole = merged([(str(folder), read_matrix(folder)) for folder in folders])
    write_merged(whole, [folders[0] / "matrix.jsonl", folders[1]], folders[0])
    assert [read_evidence(folders[0], each) for each in read_matrix(folders[0]).outcomes] == [EVIDENCE] * 2


def test_a_shard_that_did_not_end_is_not_merged(tmp_path: Path) -> None:
    folder = written(tmp_path, PASSED, complete=False)
    with pytest.raises(UsageError, match="is of a run that did not end; run that shard again, with --resume"):
        merged([(str(folder), read_matrix(folder))])


def test_two_files_that_disagree_on_a_cell_are_not_merged() -> None:
    one, other = (Matrix(HEADER, (outcome("stan::a.b", verdict),)) for verdict in ("passed", "failed"))
    with pytest.raises(UsageError, match=r"^2 says failed of stan::a\.b::echo\[.*\], another file passed$"):
        merged([("1", one), ("2", other)])


def test_two_files_that_agree_on_a_cell_are_merged() -> None:
    matrix = Matrix(HEADER, (PASSED,))
    assert merged([("1", matrix), ("2", matrix)]).outcomes == (PASSED,)


def shard(part: int, *outcomes: Outcome, parts: int = 2, plan: str = "p", cells: int | None = None) -> Matrix:
    own = Shard(part, parts, plan, len(outcomes) if cells is None else cells)
    return Matrix(replace(HEADER, shard=own), outcomes)


ONE, TWO = shard(1, PASSED), shard(2, FAILED)


def test_a_whole_run_is_no_shard_any_more() -> None:
    whole = merged([("1", ONE), ("2", TWO)])
    assert (whole.header.shard, whole.header.planned, len(whole.outcomes)) == (None, 2, 2)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], "shard 2/2 is missing; run it again with --shard 2/2, and name all of them"),
        ([ONE], "2 is shard 1/2, and so is 1; name one of them"),
        ([shard(2, FAILED, plan="q")], "2 is shard 2/2 of another plan than 1, shard 1/2; run both again"),
        ([shard(2, FAILED, parts=3)], "2 is shard 2/3 of another plan than 1, shard 1/2; run both again"),
        ([shard(2, FAILED, cells=4)], "2 has 1 of the 4 cells of its shard; run it again with --shard 2/2"),
        ([Matrix(HEADER, (FAILED,))], "2 is no shard, and another file is one; name the shards of one run alone"),
        ([replace(TWO, complete=False)], "2 is of a run that did not end; run that shard again, with --resume"),
        (
            [replace(TWO, header=replace(TWO.header, packages={"mcp": "2.4.0"}))],
            "2 was run with mcp 2.4.0, 1 with mcp 2.3.0; run one of them again",
        ),
        (
            [replace(TWO, header=replace(TWO.header, repeat=3))],
            "2 was run with --repeat 3, 1 with --repeat 1; run one of them again",
        ),
    ],
)
def test_what_is_not_the_shards_of_one_run_is_refused_with_what_to_do(others: list[Matrix], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        merged([("1", ONE), *((str(number), each) for number, each in enumerate(others, start=2))])
    assert str(refused.value).startswith(said)


def test_of_a_folder_that_had_other_results_only_the_shards_own_are_taken() -> None:
    old = replace(KNOWN, run="r0")
    whole = merged([("1", replace(ONE, outcomes=(PASSED, old))), ("2", TWO)])
    assert [each.cell for each in whole.outcomes] == [PASSED.cell, FAILED.cell]
    with pytest.raises(CannotMerge, match="1 has 0 of the 1 cells"):
        merged([("1", replace(ONE, outcomes=(old,))), ("2", TWO)])


def test_what_rests_on_a_cell_of_another_shard_does_so_in_the_whole() -> None:
    why = "the server saw the call twice"
    base = outcome("stan::invoke.round-trip", "failed", why, reached=Reached.SHOWN, rule="https://rule")
    other = outcome("stan::invoke.unicode", "failed", why, reached=Reached.SHOWN, rule="https://rule")
    further = outcome("stan::invoke.x", "failed", why, reached=Reached.SHOWN, expected="a known limit")
    parts = [settled((other,)), (*settled((base,)), further)]
    whole = merged([(str(number), shard(number, *each)) for number, each in enumerate(parts, start=1)])
    assert whole.outcomes == tuple(sorted(settled((base, other, further)), key=lambda each: each.cell))
    assert [each.verdict for each in whole.outcomes] == [Verdict.FAILED, Verdict.UNSUPPORTED, Verdict.UNSUPPORTED]
    assert merged([("all", Matrix(whole.header, whole.outcomes))]).outcomes == whole.outcomes


def test_the_baseline_is_that_of_the_whole() -> None:
    entries = (Entry("stan::*", Verdict.FAILED, "why"),)
    assert [each.expected for each in merged([("1", ONE), ("2", TWO)], entries).outcomes] == [None, "why"]
    known = shard(2, KNOWN)
    assert [each.expected for each in merged([("1", ONE), ("2", known)]).outcomes] == [None, "a known limit"]
    assert [each.expected for each in merged([("1", ONE), ("2", known)], ()).outcomes] == [None, None]
