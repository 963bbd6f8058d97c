"""`prove` needs a checkout, knows its capabilities, and says by which reason each saboteur was caught."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def proved(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "matrix", "prove", *arguments]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)


def test_without_the_saboteurs_it_says_what_it_needs(tmp_path: Path) -> None:
    ended = proved(tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("matrix: `prove` needs a checkout of the matrix")
    assert ended.stderr.count("\n") == 1


def test_a_capability_that_is_none_is_refused_with_the_nearest_name() -> None:
    ended = proved(ROOT, "transport.htp")
    assert ended.returncode == 2
    assert "transport.http" in ended.stderr


def test_each_saboteur_of_a_capability_is_told_with_how_it_was_caught() -> None:
    ended = proved(ROOT, "transport.sse")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == (
        "proven      transport.sse  SpeaksNoSse: "
        "the agent was handed 1 server in task.mcp_servers and connected to none\n"
    )
