"""The command beside an outcome, pasted into a shell elsewhere, puts that one question again and spoils nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.model import CONTROL, STATEFUL
from matrix.outcome import EarlierRun, Matrix, Outcome
from matrix.results.reading import read_evidence, read_matrix
from matrix.results.writing import complete_lines, published
from tests.row_helpers import tiny_argv

ROWS = """\
from matrix.adapters.control import control

async def imported(task):
    return await control(task)

async def listed(task):
    return "no"
"""
COMMAND_ROW = f"argv = {json.dumps(tiny_argv())}\n"
FILES = {
    "rows.py": ROWS,
    "pyproject.toml": '[tool.matrix.agents]\nlisted = "rows:listed"\n',
    "agents/folded/agent.toml": COMMAND_ROW,
    "it's my rows/spaced.toml": COMMAND_ROW.replace("argv", 'summary = "A path with a space."\nargv'),
}
OPTIONS = (
    *("--agent", "folded", "--agent", "listed"),
    *("--agent", "rows:imported", "--agent", "it's my rows/spaced.toml"),
    *("--capability", "invoke.round-trip", "--transport", "stdio", "--revision", STATEFUL),
    *("--output", "my results"),
)
EXITS = {CONTROL: 0, "folded": 0, "listed": 1, "rows.imported": 0, "spaced": 0}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a row of each kind of registration, after a run of all of them."""
    folder = tmp_path_factory.mktemp("all") / "my project"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "matrix", "run", *OPTIONS], cwd=folder, check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (1, ""), ended.stdout
    return folder


def by_agent(matrix: Matrix) -> dict[str, Outcome]:
    """Return the outcomes by agent."""
    return {each.cell.agent: each for each in matrix.outcomes}


@pytest.mark.parametrize("name", EXITS)
def test_a_command_is_pasted_into_a_shell_of_another_folder(project: Path, tmp_path: Path, name: str) -> None:
    output = project / "my results"
    before = read_matrix(output)
    outcome = by_agent(before)[name]
    ended = subprocess.run(outcome.reproduce, shell=True, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (EXITS[name], ""), ended.stdout
    assert list(tmp_path.iterdir()) == []

    asked = {name, CONTROL}
    assert ended.stdout.startswith(f"{len(asked)} cells: {len(asked)} agents, 1 capabilities, 1 servers\n")
    assert f"\n{len(EXITS) - len(asked)} cells of earlier runs are kept there too: " in ended.stdout

    after = read_matrix(output)
    assert after.complete
    assert set(by_agent(after)) == set(EXITS)
    for agent, each in by_agent(after).items():
        if agent in asked:
            assert each.run == after.header.run != before.header.run
            assert (each.verdict, each.reason) == (by_agent(before)[agent].verdict, by_agent(before)[agent].reason)
            assert each.command == by_agent(before)[agent].command
        else:
            assert each == by_agent(before)[agent]
        assert read_evidence(output, each)["cell"] == each.cell.id
    old = before.header
    if before.header.run in {each.run for each in after.outcomes}:
        assert after.header.earlier[old.run] == EarlierRun(old.created, old.matrix, old.python, old.packages)


def test_the_published_results_have_no_path_of_the_machine(project: Path) -> None:
    text = "\n".join(complete_lines(published(read_matrix(project / "my results"))))
    for word in (str(project), str(project.parent), sys.executable, "--directory", "--output"):
        assert word not in text
    assert "--agent rows:imported" in text
