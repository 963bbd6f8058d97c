"""How the program ends: its exit code, and what it says last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from matrix.results.reading import read_matrix
from tests.cli.said import CELL, Matrix, refused, results
from tests.samples import outcome


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


def test_a_refusal_of_the_real_program_has_no_traceback(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "matrix", "run", "--agent", "nobody"], check=False, capture_output=True, text=True
    )
    refused((done.returncode, done.stdout, done.stderr), "no agent is called 'nobody'")


@pytest.mark.parametrize("arguments", ["list capabilities --json", "report out", "--help"])
def test_a_reader_that_has_seen_enough_gets_no_traceback(project: Path, arguments: str) -> None:
    results(project / "out", *(outcome(f"stan::a.core::s{number}", "failed", "x" * 200) for number in range(500)))
    command = [sys.executable, "-m", "matrix", *arguments.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", ["report out", "--help", "explain invoke.round-trip", "merge out --output all"])
def test_output_that_cannot_be_written_is_told_in_one_sentence(project: Path, arguments: str) -> None:
    results(project / "out", outcome(CELL))
    command = [sys.executable, "-m", "matrix", *arguments.split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        silent = subprocess.run(command, stdout=full, stderr=full, check=False)
    said = "matrix: cannot write to standard output: No space left on device; make room there\n"
    assert (done.returncode, done.stderr, silent.returncode) == (4, said, 4)
    assert "merge" not in arguments or read_matrix(project / "all").complete


LEAVING = """
import sys
from matrix.cli.main import cli, main

@cli.command()
def leave():
    {ending}

main(["leave"])
"""


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit(0)", 0, ""),
        ("raise SystemExit", 0, ""),
        ("sys.exit('the text')", 1, "matrix: the text\n"),
        ("return 3", 3, ""),
        ("raise KeyboardInterrupt", 130, "matrix: interrupted\n"),
    ],
)
def test_a_command_that_ends_by_itself_passes_its_code_on_and_its_text_is_printed(
    ending: str, code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING.format(ending=ending)], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr.lstrip("\n")) == (code, "", said)
