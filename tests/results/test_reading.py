"""Results read back, however a run ended; what is none is refused with the line that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from matrix.errors import ConfigurationError, UsageError
from matrix.outcome import RunHeader
from matrix.results.reading import read_evidence, read_matrix
from matrix.results.schema import HeaderLine, as_json
from tests.results.runs import FAILED, PASSED, lines, written


@pytest.mark.parametrize("damage", ["absent", "cut"])
def test_evidence_that_has_gone_is_told_with_the_command_that_renews_it(tmp_path: Path, damage: str) -> None:
    kept = read_matrix(written(tmp_path, FAILED)).outcomes[0]
    path = tmp_path / str(kept.evidence)
    path.unlink() if damage == "absent" else path.write_text("{")
    with pytest.raises(UsageError, match=r"cannot be read; run the cell again: python -m matrix run --cell 'stan::"):
        read_evidence(tmp_path, kept)


@pytest.mark.parametrize("left", [1, 20, 100])
def test_a_line_that_was_being_written_when_the_run_was_killed_does_not_count(tmp_path: Path, left: int) -> None:
    path = written(tmp_path, PASSED, FAILED, complete=False) / "matrix.jsonl"
    whole = path.read_text()
    last = whole.splitlines()[-1]
    path.write_text(whole.removesuffix(f"{last}\n") + last[:left])
    matrix = read_matrix(path)
    assert [each.cell for each in matrix.outcomes] == [PASSED.cell]
    assert not matrix.complete


def test_a_file_of_which_lines_are_missing_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, PASSED, FAILED) / "matrix.jsonl"
    all_lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([all_lines[0], *all_lines[2:]]))
    with pytest.raises(ConfigurationError, match=r"line 3: counts 2 outcomes, and 1 are there: lines are missing"):
        read_matrix(path)


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, PASSED, FAILED) / "matrix.jsonl"
    all_lines = path.read_text().splitlines()
    path.write_text("\n".join([all_lines[0], all_lines[1][:30], *all_lines[2:]]))
    with pytest.raises(ConfigurationError, match=r"matrix\.jsonl: line 2: is no line of a matrix\.jsonl: "):
        read_matrix(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "green"}, "verdict: Input should be 'passed', "),
        ({"blamed_on": "nobody"}, "blamed_on: Input should be 'agent', "),
        ({"cell": "stan"}, "cell: 'stan' is no cell id"),
        ({"cell": None}, "cell: Input should be a valid string"),
        ({"attempts": 3}, "attempts: Input should be a valid tuple"),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
    ],
)
def test_a_line_that_is_no_outcome_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = written(tmp_path, PASSED, FAILED) / "matrix.jsonl"
    documents = lines(tmp_path)
    documents[2] |= change
    path.write_text("".join(json.dumps(each) + "\n" for each in documents))
    with pytest.raises(ConfigurationError, match=rf"line 3: is no outcome: {said}"):
        read_matrix(path)


def test_a_line_without_a_verdict_is_no_outcome(tmp_path: Path) -> None:
    path = written(tmp_path, PASSED) / "matrix.jsonl"
    documents = lines(tmp_path)
    del documents[1]["verdict"]
    path.write_text("".join(json.dumps(each) + "\n" for each in documents))
    with pytest.raises(ConfigurationError, match="line 2: is no outcome: verdict: Field required"):
        read_matrix(path)


def test_a_line_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "matrix.jsonl"
    path.write_text(as_json(HeaderLine.of(RunHeader())) + '\n{"kind": "remark"}\n')
    with pytest.raises(ConfigurationError, match="line 2: is no remark: "):
        read_matrix(path)


@pytest.mark.parametrize("schema", [0, 3, "1", None])
def test_results_of_another_schema_are_refused(tmp_path: Path, schema: object) -> None:
    path = tmp_path / "matrix.jsonl"
    path.write_text(json.dumps({"kind": "header", "schema": schema}) + "\n")
    with pytest.raises(ConfigurationError, match=rf"line 1: has schema {schema!r}; this version reads 1 and 2"):
        read_matrix(path)


@pytest.mark.parametrize("text", ["hello", "[1]\n[2]\n", '{"kind": "outcome"}\n', "{}\n{}\n", "3"])
def test_what_is_no_results_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"notes\.txt: line 1: "):
        read_matrix(path)


def test_wherever_a_run_was_killed_all_whole_lines_are_read_and_without_a_header_nothing_was_kept(
    tmp_path: Path,
) -> None:
    written(tmp_path, PASSED, FAILED)
    path = tmp_path / "matrix.jsonl"
    whole = path.read_bytes()
    ends = [at for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        lines_kept = sum(cut >= end for end in ends)
        if lines_kept == 0:
            with pytest.raises(UsageError, match=r"nothing was kept in .*: run again without --resume"):
                read_matrix(path)
        else:
            matrix = read_matrix(path)
            assert (len(matrix.outcomes), matrix.complete) == (min(lines_kept - 1, 2), lines_kept == 4), cut


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigurationError, match="no UTF-8"):
        read_matrix(path)


def test_results_that_are_not_there_are_told_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: No such file or directory; name the matrix\.jsonl of a run"):
        read_matrix(tmp_path)
