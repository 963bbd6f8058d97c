"""The command line: what it refuses, in one sentence, and what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from matrix.cli import main as cli
from matrix.outcome import Outcome
from matrix.results.reading import read_matrix
from matrix.results.writing import ResultsWriter, write_complete
from tests.samples import outcome

ROOT = Path(__file__).parents[2]
HEADER = {"capabilities": {"a.core": {"severity": "core"}, "a.optional": {"severity": "optional"}}, "planned": 2}
CELL = "stan::a.core::echo[http,2025-11-25]"
EVIDENCE = {
    "cell": CELL,
    "question": "Does it go through?",
    "verdict": "failed",
    "reason": "it was lost",
    "reproduce": f"python -m matrix run --cell '{CELL}'",
    "model": [],
    "server": {"frames": [], "http": [], "processes": []},
    "agent": [{"at": 0.1, "run": 1, "error": None, "answer": "done"}],
    "notes": [],
}

Said = tuple[int, str, str]
Matrix = Callable[..., Said]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project with two agents and a file that is nobody's folder."""
    (tmp_path / "pyproject.toml").write_text('[tool.matrix.agents]\nstan = "shop:agent"\nsofia = "shop:agent"\n')
    (tmp_path / "file").write_text("mine\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def matrix(capsys: pytest.CaptureFixture[str]) -> Iterator[Matrix]:
    """Return a function that runs the command line: exit code, standard output, standard error."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    yield run
    for each, handler in handlers.items():
        signal.signal(each, handler)


def results(folder: Path, *outcomes: Outcome, complete: bool = True, evidence: Any = None) -> Path:
    with ResultsWriter(folder, HEADER) as writer:
        for each in outcomes:
            writer.write(each, evidence)
    if complete:
        write_complete(folder / "matrix.jsonl", read_matrix(folder))
    return folder


def refused(said: Said, sentence: str) -> None:
    """Check that there was one sentence on standard error, and nothing else."""
    code, out, err = said
    assert (code, out) == (2, "")
    assert err.startswith("matrix: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert sentence in err


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
        ("run --jobs 0", "Invalid value for '--jobs': 0 is not in the range 1<=x<=256."),
        ("run --jobs many", "Invalid value for '--jobs': 'many' is not a valid integer range."),
        ("run --repeat 0", "Invalid value for '--repeat': 0 is not in the range 1<=x<=100."),
        ("run --agent", "Option '--agent' requires an argument."),
        ("run --agents stan", "No such option '--agents'. Did you mean '--agent'?"),
        ("run stan", "unexpected extra argument"),
        ("run --output file", "Directory 'file' is a file."),
        ("run --capability invoke.round-trip --output file/below", "cannot write to file/below: Not a directory; name"),
        ("run --baseline absent.toml", "absent.toml: cannot be read: No such file or directory"),
        (
            "run --baseline file",
            "file: line 1: is no valid TOML: Expected '=' after a key",
        ),
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
    refused(matrix("list"), "(at line 3, column 11)")


def test_a_folder_without_agents_is_refused(tmp_path: Path, matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(matrix("run"), f"no agent is registered in {tmp_path}; name one with --agent package.module:create_agent")
    assert list(tmp_path.iterdir()) == []


def test_what_a_newer_version_has_written_is_refused(project: Path, matrix: Matrix) -> None:
    (project / "matrix.jsonl").write_text('{"kind": "header", "schema": 2}\n')
    refused(matrix("report", "matrix.jsonl"), "matrix.jsonl: line 1: has schema 2; this version reads 1")


def test_a_cell_that_the_run_does_not_have_is_refused_with_the_nearest(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL), outcome("stan::a.optional"))
    refused(
        matrix("show", CELL.replace("core", "cor")), f"this run has no cell '{CELL.replace('core', 'cor')}'; did you"
    )
    refused(matrix("show", "stan::*"), f"'stan::*' is 2 cells; name one, such as {CELL}")


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


def test_without_a_command_the_help_is_shown_whole(matrix: Matrix) -> None:
    code, out, err = matrix()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: matrix [OPTIONS] COMMAND [ARGS]...\n")
    assert "\n    130  interrupted; what was finished is kept, and --resume goes on\n" in err


def test_a_fault_of_ours_shows_its_traceback_and_is_not_taken_for_an_agents(
    project: Path, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    results(project / "out", outcome(CELL, "failed"), evidence={"cell": CELL})
    code, _, err = matrix("show", CELL)
    assert code == 3
    assert err.startswith("Traceback (most recent call last):\n")


def test_the_story_of_a_cell_is_shown(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "failed", "it was lost"), evidence=EVIDENCE)
    code, out, err = matrix("show", "stan::a.core::*")
    assert (code, err) == (0, "")
    assert out.startswith(f"{CELL}\n  Does it go through?\n")
    assert "failed: it was lost\nagain: python -m matrix run" in out


def test_a_cell_that_was_not_asked_has_no_story(project: Path, matrix: Matrix) -> None:
    results(project / "out", outcome(CELL, "skipped", "no key"))
    assert matrix("show", CELL) == (0, f"{CELL}\n\nskipped: no key\nNo evidence: it was not asked.\n", "")


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


def test_agents_are_listed_with_those_that_are_broken(project: Path, matrix: Matrix) -> None:
    (project / "agents").mkdir()
    (project / "agents" / "cli.toml").write_text('argv = ["no-such-program-anywhere"]\n')
    (project / "agents" / "typo.toml").write_text('fabric = "a:b"\n')
    code, out, err = matrix("list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["control", "cli", "sofia", "stan", "typo"]
    assert "broken: the command 'no-such-program-anywhere' is not on PATH; install it, or correct" in out
    assert "broken: fabric: unknown key (the nearest is 'factory'); correct `fabric` in" in out


@pytest.mark.parametrize("what", ["agents", "servers", "capabilities"])
def test_lists_are_json_for_scripts(project: Path, matrix: Matrix, what: str) -> None:
    code, out, err = matrix("list", what, "--json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert len({row["name"] for row in rows}) == len(rows) > 2
    assert len(matrix("list", what)[1].splitlines()) == len(rows)


def test_a_capability_is_explained(project: Path, matrix: Matrix) -> None:
    code, out, err = matrix("explain", "invoke.round-trip")
    assert (code, err) == (0, "")
    assert out.startswith("invoke.round-trip (core)\n\nA pass means: ")
    assert out.endswith("\nAsk it: python -m matrix run --capability invoke.round-trip\n")


HEAVY = ("pydantic_ai", "mcp", "httpx", "httpx2", "fastmcp", "starlette", "uvicorn")
IMPORTED = f"""
import sys
from matrix.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    print(ended.code, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    ["--help", "list agents", "list servers --json", "list capabilities", "explain invoke.round-trip", "diff a a"],
)
def test_what_needs_no_agent_imports_nothing_heavy(project: Path, arguments: str) -> None:
    results(project / "a", outcome(CELL))
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments.split()], check=False, capture_output=True, text=True
    )
    assert done.stderr == "0 []\n"
    assert done.stdout


def test_a_refusal_of_the_real_program_has_no_traceback(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "matrix", "run", "--agent", "nobody"], check=False, capture_output=True, text=True
    )
    refused((done.returncode, done.stdout, done.stderr), "no agent is called 'nobody'")


@pytest.mark.parametrize("arguments", ["list capabilities --json", "report out"])
def test_a_reader_that_has_seen_enough_gets_no_traceback(project: Path, arguments: str) -> None:
    results(project / "out", *(outcome(f"stan::a.core::s{number}", "failed", "x" * 200) for number in range(500)))
    command = [sys.executable, "-m", "matrix", *arguments.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
