"""What an interrupted run leaves: what is done, no process, and one sentence at most, whenever it is interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from matrix.engine.process import LONGEST_TEMPORARY_FOLDER
from matrix.results.reading import read_matrix
from tests.engine.projects import CELL, make_project, verdicts
from tests.engine.running import Running, on_linux

STUCK = """\
import asyncio
from pathlib import Path

async def agent(task):
    if not Path(__file__).with_name("released").exists():
        await asyncio.Event().wait()
    return "no"
"""
pytestmark = on_linux


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """Return a project with an agent that does not answer until the file `released` is there."""
    return make_project(tmp_path / "project", '[tool.matrix.agents]\nstuck = "stuck:agent"\n', stuck=STUCK)


def test_an_interrupted_run_keeps_what_is_done_leaves_no_process_and_can_be_resumed(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for(f"[1/2] passed control::{CELL}")
    running.interrupt()
    code, out, err = running.end()
    assert (code, err) == (130, "")
    assert "2 cells" not in out
    assert "1 cells: 1 passed (interrupted; 1 not asked)" in out
    assert running.left() == []
    kept = read_matrix(stuck / "out")
    assert (verdicts(kept), kept.complete) == ({"control": "passed"}, False)
    assert "**Interrupted: 1 cells were not asked.**" in (stuck / "out" / "matrix.md").read_text()

    (stuck / "released").touch()
    resumed = Running(stuck, "--resume")
    code, out, err = resumed.end()
    assert (code, err) == (1, "")
    assert "2 cells: 2 agents, 1 capabilities, 1 servers, 1 kept from before\n[2/2] failed stuck::" in out
    assert "\x1b" not in out
    assert resumed.left() == []
    whole = read_matrix(stuck / "out")
    assert (verdicts(whole), whole.complete) == ({"control": "passed", "stuck": "failed"}, True)
    assert whole.outcomes[0] == kept.outcomes[0]
    assert "Interrupted" not in (stuck / "out" / "matrix.md").read_text()


def test_whoever_presses_ctrl_c_again_and_again_still_gets_the_summary(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for(f"[1/2] passed control::{CELL}")
    for _ in range(20):
        running.interrupt()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(0.05)
            break
    code, out, err = running.end()
    assert (code, err) == (130, "")
    assert "1 cells: 1 passed (interrupted; 1 not asked)" in out
    assert "**Interrupted: 1 cells were not asked.**" in (stuck / "out" / "matrix.md").read_text()
    assert running.left() == []


def test_a_run_that_is_terminated_ends_as_one_that_is_interrupted(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for("[1/2] passed control::")
    running.process.send_signal(signal.SIGTERM)
    code, _, err = running.end()
    assert (code, err) == (130, "")
    assert running.left() == []
    assert not read_matrix(stuck / "out").complete


def test_a_run_whose_reader_has_gone_ends_as_one_that_is_interrupted(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for("2 cells: 2 agents")
    assert running.process.stdout is not None
    running.process.stdout.close()
    running.process.stdout = None
    code, _, err = running.end()
    assert (code, err) == (130, "")
    assert running.left() == []
    assert not read_matrix(stuck / "out").complete


# `-X importtime` prints a line for each module as soon as it is imported, in the fork server too: so a run can be met
# while it is still being imported, and while what it has started is.
IMPORTS = ("-X", "importtime")
IMPORT_LINE = "import time:"


@pytest.mark.parametrize(
    "module",
    [
        "click.types",  # our command line is being imported
        "matrix.registry.environments",  # `run` imports what it needs
        "matrix.engine.fork_server",  # the fork server is about to be started
        "matrix.capabilities.verbs",  # we discover
        "pydantic_ai.messages",  # the fork server preloads
        "matrix.lab.lab",  # the fork server is nearly ready
    ],
)
def test_an_interrupt_in_the_first_seconds_is_told_in_one_sentence_and_leaves_nothing_behind(
    stuck: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="m-"))  # short: the path of a socket has a hundred characters at most
    monkeypatch.setenv("TMPDIR", str(scratch))
    running = Running(stuck, python=IMPORTS)
    running.wait_for(module, "stderr", lambda line: line.split("|")[-1].strip() == module)
    running.interrupt()
    code, out, err = running.end()
    said = [line for line in err.splitlines() if line and not line.startswith(IMPORT_LINE)]
    assert (code, "Traceback" in err) == (130, False), err
    assert said in ([], ["matrix: interrupted"])
    assert running.left() == []
    assert [each.name for each in scratch.iterdir() if each.name.startswith("agent-matrix")] == []
    assert "Traceback" not in out


def test_an_interrupt_at_the_first_line_of_output_keeps_the_results_readable(stuck: Path) -> None:
    running = Running(stuck)
    running.wait_for("2 cells: 2 agents")
    running.interrupt()
    code, out, err = running.end()
    assert (code, err) == (130, "")
    assert "(interrupted; " in out
    assert running.left() == []
    assert not read_matrix(stuck / "out").complete


def test_a_run_whose_whole_group_is_terminated_as_ci_systems_do_says_so_and_leaves_nothing(stuck: Path) -> None:
    running = Running(stuck, "--jobs", "2")
    running.wait_for("[1/2] passed control::")
    os.killpg(running.process.pid, signal.SIGTERM)
    code, out, err = running.end()
    assert (code, err) == (130, "")
    assert "(interrupted; " in out
    assert running.left() == []
    assert verdicts(read_matrix(stuck / "out")) == {"control": "passed"}


def test_a_folder_for_temporary_files_may_be_as_long_as_a_socket_in_it_allows(
    stuck: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(prefix="m-"))
    (stuck / "released").touch()
    for length, expected in ((LONGEST_TEMPORARY_FOLDER, 1), (LONGEST_TEMPORARY_FOLDER + 1, 2)):
        folder = short / ("x" * (length - len(f"{short}/")))
        folder.mkdir()
        monkeypatch.setenv("TMPDIR", str(folder))
        code, _, err = Running(stuck).end()
        assert code == expected
    assert f"matrix: the path of the folder for temporary files, {folder}, is too long for a socket in it" in err
    assert f"; set TMPDIR to one with at most {LONGEST_TEMPORARY_FOLDER} bytes\n" in err
