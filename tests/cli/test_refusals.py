"""What cannot be done is refused in one sentence, and nothing is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.said import CELL, EVIDENCE, Matrix, refused, results
from tests.samples import outcome


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("run --agent stann", "no agent is called 'stann'; did you mean stan?; see `python -m matrix list agents`"),
        (
            "run --capability invoke.roundtrip",
            "no capability is called 'invoke.roundtrip'; did you mean invoke.round-trip",
        ),
        ("run --server ecko", "no server is called 'ecko'; did you mean echo"),
        ("run --transport websocket", "no transport is called 'websocket'; there are stdio, http, sse"),
        ("run --revision 2025-11-26", "no revision is called '2025-11-26'; there are "),
        (
            "run --cell stan::invoke.roundtrip::echo[http,2025-11-25]",
            (
                "no cell is called 'stan::invoke.roundtrip::echo[http,2025-11-25]'; "
                "did you mean stan::invoke.round-trip::echo[http,2025-11-25]"
            ),
        ),
        (
            "run --agent stan --server echo --transport sse --revision any",
            "no cell is left to ask by --agent 'stan' --server 'echo' --transport 'sse' --revision 'any': ",
        ),
        ("run --shard 0/3", "--shard '0/3' should be I/N with 1 ≤ I ≤ N, such as 2/8"),
        ("run --shard 4/3", "--shard '4/3' should be I/N"),
        ("run --shard half", "--shard 'half' should be I/N"),
        ("run --engine tcp://h:8786", "--engine 'tcp://h:8786' should be dask://HOST:PORT, the address of a Dask"),
        ("run --engine dask://h:8786 --live", "--live does not go with --engine: the keys of real models are this"),
        ("run --engine dask://h:8786 --configs x", "--configs does not go with --engine: the store, and its key, are"),
        ("run --jobs 0", "Invalid value for '--jobs': 0 is not in the range 1<=x<=256."),
        ("run --jobs many", "Invalid value for '--jobs': 'many' is not a valid integer range."),
        ("run --repeat 0", "Invalid value for '--repeat': 0 is not in the range 1<=x<=100."),
        (
            "run --python .venv/bin/python",
            "--python is the interpreter that imports --agent package.module:attribute; name",
        ),
        (
            "run --agent a:b --python no/python",
            "--python: 'no/python' cannot be found, or is not executable; name a Py",
        ),
        ("run --agent", "Option '--agent' requires an argument."),
        ("run --agents stan", "No such option '--agents'. Did you mean '--agent'?"),
        ("run stan", "unexpected extra argument"),
        ("run --output file", "Directory 'file' is a file."),
        ("run --capability invoke.round-trip --output file/below", "cannot write to file/below: Not a directory; name"),
        ("run --baseline absent.toml", "absent.toml: cannot be read: No such file or directory"),
        ("run --baseline file", "file: line 1: is no valid TOML: Expected '=' after a key"),
        ("run --baseline pyproject.toml", "pyproject.toml: tool: unknown key (known are expected)"),
        ("runn", "No such command 'runn'."),
        ("list stubs", "'stubs' is not one of 'agents', 'servers', 'capabilities'."),
        ("explain", "Missing argument 'CAPABILITY'."),
        ("explain invoke.roundtrip", "no capability is called 'invoke.roundtrip'; did you mean invoke.round-trip"),
        (
            "report absent",
            "cannot read absent: No such file or directory; name the matrix.jsonl of a run, or its folder",
        ),
        ("report .", "cannot read matrix.jsonl: No such file or directory"),
        ("report file", "file: line 1: should be the header; is this the matrix.jsonl of a run?"),
        ("report file --format pdf", "'pdf' is not one of 'terminal', 'markdown'."),
        ("diff absent.jsonl file", "cannot read absent.jsonl: No such file"),
        ("diff file file", "file: line 1: should be the header"),
        ("diff file", "Missing argument 'NEW'."),
        ("merge", "Missing argument 'FILES...'."),
        ("merge absent file", "cannot read absent: No such file"),
        (f"show {CELL}", "cannot read out: No such file or directory; name"),
        (f"show {CELL} --output file", "Directory 'file' is a file."),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(
    project: Path, matrix: Matrix, arguments: str, sentence: str
) -> None:
    refused(matrix(*arguments.split()), sentence)
    assert {path.name for path in project.iterdir()} <= {"pyproject.toml", "file"}


@pytest.mark.parametrize("command", [["run"], ["list", "agents"]])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[tool.matrix.agents]\nstan = "shop\n', "pyproject.toml: line 2: is no valid TOML: Illegal character"),
        ("[tool.matrix]\nagents = 3\n", "pyproject.toml: tool.matrix.agents: should be a table of name = "),
    ],
)
def test_a_pyproject_that_cannot_be_read_is_refused_with_the_place(
    project: Path, matrix: Matrix, command: list[str], text: str, sentence: str
) -> None:
    (project / "pyproject.toml").write_text(text)
    refused(matrix(*command), sentence)


def test_the_line_of_a_mistake_in_a_pyproject_is_named(project: Path, matrix: Matrix) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "x"\nversion = = 1\n')
    refused(matrix("list"), "line 3: is no valid TOML")


def test_a_folder_without_agents_is_refused(tmp_path: Path, matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(matrix("run"), f"no agent is registered in {tmp_path}; name one with --agent package.module:create_agent")
    assert list(tmp_path.iterdir()) == []


def test_what_a_newer_version_has_written_is_refused(project: Path, matrix: Matrix) -> None:
    (project / "matrix.jsonl").write_text('{"kind": "header", "schema": 3}\n')
    refused(matrix("report", "matrix.jsonl"), "matrix.jsonl: line 1: has schema 3; this version reads 1 and 2")


def test_a_cell_that_the_run_does_not_have_is_refused_with_the_nearest(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL), outcome("stan::a.optional"))
    refused(
        matrix("show", CELL.replace("core", "cor")), f"this run has no cell '{CELL.replace('core', 'cor')}'; did you"
    )
    refused(matrix("show", "sofia::*"), "this run has no cell 'sofia::*'")


def test_evidence_that_has_gone_is_refused(project: Path, matrix: Matrix) -> None:
    out = results(project / "out", outcome(CELL, "failed"), evidence=EVIDENCE)
    next((out / "evidence").iterdir()).unlink()
    refused(matrix("show", CELL), f"cannot be read; run the cell again: python -m matrix run --cell '{CELL}'")


def test_what_is_not_complete_is_neither_merged_nor_published(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL), complete=False)
    refused(matrix("merge", "out", "--output", "all"), "out is of a run that did not end; run that shard again")
    refused(matrix("report", "out", "--publish", "results"), "out is of a run that did not end; only a complete")
    assert not (project / "all").exists()
    assert not (project / "results").exists()


def test_a_folder_that_cannot_be_written_is_refused_by_merge_and_publish_too(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL))
    refused(matrix("merge", "out", "--output", "file/all"), "cannot write to file/all: Not a directory")
    refused(matrix("report", "out", "--publish", "file/results"), "cannot write to file/results: Not a directory")


def test_a_narrow_run_into_results_that_cannot_be_read_is_refused_and_overwrites_nothing(
    project: Path, matrix: Matrix
) -> None:
    (project / "out").mkdir()
    (project / "out" / "matrix.jsonl").write_text("mine\n")
    narrow = ("run", "--agent", "stan", "--capability", "invoke.round-trip", "--transport", "stdio")
    refused(matrix(*narrow), "out/matrix.jsonl: line 1: should be the header; is this the matrix.jsonl of a run?")
    assert {each.name for each in (project / "out").iterdir()} <= {"matrix.jsonl", ".lock"}
    assert (project / "out" / "matrix.jsonl").read_text() == "mine\n"
