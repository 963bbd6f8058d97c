"""`matrix.jsonl` and the evidence beside it, written as cells end."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from matrix.errors import FolderInUse, UsageError, WritingFailed
from matrix.model import Verdict
from matrix.outcome import Blame, Matrix
from matrix.results.reading import read_evidence, read_matrix
from matrix.results.schema import HeaderLine
from matrix.results.writing import (
    ResultsWriter,
    alone_in,
    complete_lines,
    published,
    write_complete,
    write_merged,
    write_page,
)
from tests.results.runs import EVIDENCE, FAILED, HEADER, KNOWN, PASSED, kept_with_evidence, lines, written
from tests.samples import outcome


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = written(tmp_path / "deep" / "out", FAILED, KNOWN, PASSED)
    matrix = read_matrix(folder)
    assert matrix.complete
    assert matrix.header == HEADER
    assert [each.cell for each in matrix.outcomes] == [PASSED.cell, FAILED.cell, KNOWN.cell]
    assert (matrix.outcomes[1].verdict, matrix.outcomes[1].reason) == (Verdict.FAILED, FAILED.reason)
    assert (matrix.outcomes[1].duration, matrix.outcomes[1].attempts) == (1.5, (Verdict.FAILED,))
    assert [each.blamed_on for each in matrix.outcomes] == [None, Blame.AGENT, Blame.AGENT]
    assert matrix.outcomes[2].expected == "a known limit"
    assert read_matrix(folder / "matrix.jsonl") == matrix


def test_the_header_is_the_first_line_and_says_all_of_itself(tmp_path: Path) -> None:
    line = lines(written(tmp_path, PASSED))[0]
    assert (line["kind"], line["schema"]) == ("header", 2)
    assert line["capabilities"] == {
        "invoke.round-trip": {"severity": "core", "title": "", "needs": [], "seconds": None}
    }
    assert HeaderLine.model_validate(line).header() == HEADER


def test_the_footer_counts_the_outcomes_by_verdict(tmp_path: Path) -> None:
    assert lines(written(tmp_path, FAILED, KNOWN, PASSED))[-1] == {
        "kind": "footer",
        "outcomes": 3,
        "counts": {"passed": 1, "failed": 1, "timed-out": 1},
    }


def test_a_line_says_what_the_contract_promises(tmp_path: Path) -> None:
    assert lines(written(tmp_path, FAILED))[1] == {
        "kind": "outcome",
        "cell": "stan::invoke.round-trip::echo[http,2025-11-25]",
        "agent": "stan",
        "capability": "invoke.round-trip",
        "server": "echo",
        "transport": "http",
        "revision": "2025-11-25",
        "verdict": "failed",
        "reason": FAILED.reason,
        "blamed_on": "agent",
        "attempts": ["failed"],
        "duration": 1.5,
        "evidence": f"evidence/{FAILED.cell.slug}.json",
        "expected": None,
        "reproduce": "python -m matrix run --cell 'stan::invoke.round-trip::echo[http,2025-11-25]'",
        "run": "r1",
        "rule": None,
        "advice": [],
        "negotiated": None,
        "reached": None,
        "rests_on": None,
        "symptom": None,
        "finding": None,
    }


def test_evidence_is_kept_beside_the_results_also_where_its_text_is_no_text(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path, HEADER) as results:
        kept = kept_with_evidence(results, FAILED, {"shown": "漢字 \udcff"})
        unasked = kept_with_evidence(results, PASSED, None)
    assert read_evidence(tmp_path, kept) == {"shown": "漢字 \udcff"}
    assert read_evidence(tmp_path / "matrix.jsonl", kept) == {"shown": "漢字 \udcff"}
    assert read_evidence(tmp_path, unasked) is None


def test_every_outcome_is_on_disk_as_soon_as_it_is_known(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path, HEADER) as results:
        results.write(PASSED)
        assert [each.cell for each in read_matrix(tmp_path).outcomes] == [PASSED.cell]
        results.write(FAILED)
        assert [each.cell for each in read_matrix(tmp_path).outcomes] == [PASSED.cell, FAILED.cell]


def test_a_run_that_was_killed_cannot_look_complete(tmp_path: Path) -> None:
    assert not read_matrix(written(tmp_path, PASSED, complete=False)).complete
    assert not read_matrix(written(tmp_path / "none", complete=False)).complete


@pytest.mark.parametrize("inside", ["", "below"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, inside: str) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("mine")
    folder = in_the_way / inside
    with pytest.raises(UsageError, match=r"cannot write to .*file.*; name another folder"):
        ResultsWriter(folder, HEADER).__enter__()
    matrix = Matrix(HEADER, (PASSED,))
    for write in (
        lambda: write_merged(matrix, [], folder),
        lambda: write_complete(folder, matrix),
        lambda: write_page(folder, ""),
    ):
        with pytest.raises(UsageError, match="cannot write to"):
            write()
    assert in_the_way.read_text() == "mine"


def test_a_new_run_into_the_same_folder_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    written(tmp_path, FAILED, PASSED)
    written(tmp_path, PASSED)
    assert [each.cell for each in read_matrix(tmp_path).outcomes] == [PASSED.cell]
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == [f"{PASSED.cell.slug}.json"]


def test_what_a_run_keeps_is_there_from_the_start_with_its_evidence(tmp_path: Path) -> None:
    written(tmp_path, FAILED, complete=False)
    kept = read_matrix(tmp_path).outcomes
    with ResultsWriter(tmp_path, HEADER, kept) as results:
        assert read_matrix(tmp_path).outcomes == kept
        results.write(PASSED)
    matrix = read_matrix(tmp_path)
    assert [each.cell for each in matrix.outcomes] == [FAILED.cell, PASSED.cell]
    assert read_evidence(tmp_path, matrix.outcomes[0]) == EVIDENCE


def test_of_several_lines_of_one_cell_the_last_counts(tmp_path: Path) -> None:
    again = outcome("stan::invoke.round-trip")
    assert read_matrix(written(tmp_path, FAILED, again, complete=False)).outcomes[0].verdict is Verdict.PASSED


def test_complete_results_are_sorted_the_control_first() -> None:
    cells = ["stan::b.c", "control::z.z", "stan::a.b", "discord::a.b"]
    matrix = Matrix(HEADER, tuple(map(outcome, cells))).in_order()
    assert [each.cell.id.partition("::echo")[0] for each in matrix.outcomes] == [
        "control::z.z",
        "discord::a.b",
        "stan::a.b",
        "stan::b.c",
    ]


def published_lines(matrix: Matrix) -> list[str]:
    return list(complete_lines(published(matrix)))


def test_two_equal_runs_publish_equal_lines_but_for_the_header() -> None:
    def run(created: str, seconds: float, *order: int) -> list[str]:
        command = ("python", "-m", "matrix", "run", "--directory", f"/home/{created}", "--cell", "x")
        more: dict[str, Any] = {"evidence": f"evidence/{created}.json", "command": command}
        found = [
            outcome("stan::a.b", "failed", "lost", duration=seconds, **more),
            outcome("control::a.b", duration=seconds * 2, **more),
            outcome("control::b.c", "skipped", "no Node.js"),
        ]
        return published_lines(Matrix(replace(HEADER, created=created), tuple(found[each] for each in order)))

    one, other = run("2026-11-20", 0.1, 0, 1, 2), run("2026-11-21", 7.5, 2, 1, 0)
    assert one[1:] == other[1:]
    assert one[0] != other[0]


def test_published_results_read_like_any_other(tmp_path: Path) -> None:
    matrix = read_matrix(written(tmp_path / "out", FAILED, PASSED))
    write_complete(tmp_path / "results", published(matrix))
    write_page(tmp_path / "results", "# page\n")
    found = read_matrix(tmp_path / "results")
    assert [(each.cell, each.verdict) for each in found.outcomes] == [
        (each.cell, each.verdict) for each in matrix.outcomes
    ]
    assert {(each.duration, each.evidence) for each in found.outcomes} == {(None, None)}
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["matrix.jsonl", "matrix.md"]
    assert published_lines(found) == list(complete_lines(found))


def test_published_results_name_no_folder_of_the_machine_that_made_them(tmp_path: Path) -> None:
    project, output = tmp_path / "my project", tmp_path / "my results"
    row = project / "rows of mine" / "x.toml"
    command = (f"{tmp_path}/bin/python", "-m", "matrix", "run", "--directory", str(project), "--output", str(output))
    found = outcome("x::a.b", command=(*command, "--agent", str(row), "--cell", "x::a.b::echo[http,any]"))
    text = "\n".join(published_lines(Matrix(HEADER, (found,))))
    assert str(tmp_path) not in text
    assert "--directory" not in text
    assert "--output" not in text
    write_complete(tmp_path, published(Matrix(HEADER, (found,))))
    assert read_matrix(tmp_path).outcomes[0].reproduce == (
        "python -m matrix run --agent 'rows of mine/x.toml' --cell 'x::a.b::echo[http,any]'"
    )


def test_while_a_run_writes_into_a_folder_another_one_is_refused(tmp_path: Path) -> None:
    other = [
        sys.executable,
        "-m",
        "matrix",
        "run",
        "--agent",
        "control",
        "--cell",
        "*invoke.round-trip*",
        "--output",
        "out",
    ]
    with alone_in(tmp_path / "out"):
        ended = subprocess.run(other, cwd=tmp_path, capture_output=True, text=True, check=False)
    refusal = "matrix: another run is writing to out; wait for its end, or name another folder with --output"
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (2, refusal)
    with alone_in(tmp_path / "out"):
        pass


LONG = "x" * 10_000
NO_ROOM = r"^cannot write to .*: File too large; mend that, and go on with --resume: what is there is kept$"


def test_on_a_disk_that_is_full_by_now_what_is_done_is_kept_in_whole_lines(tmp_path: Path) -> None:
    with ResultsWriter(tmp_path, HEADER) as results:
        whole = kept_with_evidence(results, PASSED)
        before = (tmp_path / "matrix.jsonl").read_text()
        for write in (
            lambda: results.keep(FAILED.cell, {"notes": [LONG]}),
            lambda: results.keep(PASSED.cell, {"notes": [LONG]}),
            lambda: results.write(replace(FAILED, reason=LONG)),
            lambda: write_complete(tmp_path, Matrix(HEADER, (PASSED, replace(FAILED, reason=LONG)))),
            lambda: write_page(tmp_path, LONG),
        ):
            with full_disk(), pytest.raises(WritingFailed, match=NO_ROOM) as failed:
                write()
            assert failed.value.exit_code == 4
    assert (tmp_path / "matrix.jsonl").read_text() == before
    assert read_evidence(tmp_path, whole) == EVIDENCE
    assert sorted(each.name for each in tmp_path.rglob("*") if each.is_file()) == [
        ".lock",
        Path(str(whole.evidence)).name,
        "matrix.jsonl",
    ]


def test_on_a_disk_that_is_full_from_the_start_no_other_folder_is_asked_for(tmp_path: Path) -> None:
    with full_disk(0), pytest.raises(WritingFailed, match=NO_ROOM):
        ResultsWriter(tmp_path, HEADER).__enter__()


@pytest.mark.parametrize("gone", ["", "evidence", "matrix.jsonl"])
def test_a_folder_that_goes_away_meanwhile_is_made_again_with_all_outcomes(tmp_path: Path, gone: str) -> None:
    folder = tmp_path / "out"
    with alone_in(folder), ResultsWriter(folder, HEADER, (KNOWN,)) as results:
        kept_with_evidence(results, PASSED)
        missing = folder / gone
        missing.unlink() if missing.is_file() else shutil.rmtree(missing)
        last = kept_with_evidence(results, FAILED)
        with pytest.raises(FolderInUse):
            alone_in(folder).__enter__()
        assert [each.cell for each in read_matrix(folder).outcomes] == [KNOWN.cell, PASSED.cell, FAILED.cell]
    assert read_evidence(folder, last) == EVIDENCE


def test_a_folder_that_another_run_has_begun_in_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with alone_in(folder), ResultsWriter(folder, HEADER) as results:
        shutil.rmtree(folder)
        with alone_in(folder), ResultsWriter(folder, HEADER) as others:
            others.write(KNOWN)
            with pytest.raises(FolderInUse):
                results.write(PASSED)
            assert [each.cell for each in read_matrix(folder).outcomes] == [KNOWN.cell]


def test_a_folder_that_cannot_be_made_again_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "there" / "out"
    with ResultsWriter(folder, HEADER) as results:
        shutil.rmtree(tmp_path / "there")
        (tmp_path / "there").write_text("a file in its place")
        with pytest.raises(WritingFailed, match=r"cannot write to .*there/out: "):
            results.write(PASSED)


@contextmanager
def full_disk(room: int = 5_000) -> Generator[None]:
    """Let no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    heeded = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, heeded)
