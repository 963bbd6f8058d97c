"""`run --python`: an agent that has no row, asked in its owner's interpreter; its command puts the question again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from matrix.results.reading import read_matrix

ASKED = ("--capability", "invoke.round-trip", "--transport", "stdio", "--revision", "2025-11-25")
ROWS = """\
import os

async def agent(task):
    raise RuntimeError(f"home is {'mine' if 'harness-' in os.environ['HOME'] else 'the host'}")
"""


def test_an_agent_is_asked_in_the_interpreter_that_is_named_and_so_again(tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text(ROWS)
    (tmp_path / "own-python").symlink_to(Path(sys.executable))
    first = [sys.executable, "-m", "matrix", "run", "--agent", "rows:agent", "--python", "./own-python", *ASKED]
    assert told(first, tmp_path) == "the run ended with RuntimeError: home is mine"
    (outcome,) = [each for each in read_matrix(tmp_path / "out").outcomes if each.cell.agent == "rows"]
    again = shlex.split(outcome.reproduce)
    assert again[again.index("--python") + 1] == "./own-python"
    assert told([sys.executable, "-m", "matrix", *again[again.index("run") :]], Path(os.sep)).endswith("home is mine")


def told(command: list[str], folder: Path) -> str:
    """Return the reason of the only red cell that this command comes to."""
    ended = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (1, ""), ended.stdout
    (line,) = [each for each in ended.stdout.splitlines() if each.startswith("  the run ended")]
    return line.strip()
