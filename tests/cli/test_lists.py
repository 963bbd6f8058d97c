"""What is known here: `list` and `explain`, which import nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.said import CELL, Matrix, results
from tests.samples import outcome


def test_agents_are_listed_with_those_that_are_broken(project: Path, matrix: Matrix) -> None:
    (project / "agents").mkdir()
    (project / "agents" / "cli.toml").write_text('argv = ["no-such-program-anywhere"]\n')
    (project / "agents" / "typo.toml").write_text('factry = "a:b"\n')
    code, out, err = matrix("list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["control", "cli", "sofia", "stan", "typo"]
    assert "broken: the command 'no-such-program-anywhere' is not on PATH; install it, or correct" in out
    assert "broken: factry: unknown key (the nearest is 'factory'); correct `factry` in" in out


def test_a_folder_without_agents_says_how_to_ask_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matrix: Matrix
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = matrix("list")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (0, ["control"])
    assert err == "no agent is registered here; `run --agent package.module:attribute` asks one anyway\n"
    assert matrix("list", "--json")[2] == ""


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
