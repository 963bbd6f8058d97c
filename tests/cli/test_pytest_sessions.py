"""The pytest plugin: one engine for a session, whatever is selected of its tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

AGENT = """\
from pathlib import Path
import os

from pydantic_ai import Agent

folder = Path(__file__).parent
(folder / f"imported-{os.getpid()}").touch()


def create_agent():
    (folder / "made.txt").open("a").write("x")
    return Agent("openai:gpt-4.1-mini")
"""


def session(folder: Path, *options: str) -> tuple[str, int, int]:
    """Test an agent; return what pytest said last, how many workers imported it, and how often it was made."""
    (folder / "mine.py").write_text(AGENT)
    arguments = ["-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "--matrix", "mine:create_agent", *options]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    made = folder / "made.txt"
    last = (done.stdout.splitlines() or [done.stderr])[-1]
    return last, len(list(folder.glob("imported-*"))), len(made.read_text()) if made.exists() else 0


def test_all_tests_of_a_session_are_asked_by_one_worker(tmp_path: Path) -> None:
    said, workers, _ = session(tmp_path, "--matrix-capability", "invoke.*", "-k", "echo and not mortal")
    assert said.startswith("8 passed"), said
    assert workers == 1


def test_only_what_is_selected_is_asked(tmp_path: Path) -> None:
    said, workers, made = session(tmp_path, "--matrix-capability", "invoke.*", "-k", "unicode and http")
    assert said.startswith("1 passed"), said
    assert (workers, made) == (1, 1)


@pytest.mark.soak
def test_with_xdist_each_of_its_workers_keeps_one_of_ours(tmp_path: Path) -> None:
    said, workers, _ = session(tmp_path, "-n", "2", "--matrix-capability", "invoke.*", "-k", "echo and not mortal")
    assert said.startswith("8 passed"), said
    assert workers == 2
