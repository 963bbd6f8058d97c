"""The installed command works in a folder that has packages of the same names as ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.registry.test_discovery import CALLABLES, write

COMMAND = Path(sys.executable).with_name("agent-matrix")
LOADS = "raise ImportError('a package of the owner was imported in place of the tool')\n"
NEVER = {f"{name}/__init__.py": LOADS for name in ("matrix", "mcp_stubs")}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with packages called matrix, mcp_stubs and agents, and rows that use neither."""
    root = tmp_path_factory.mktemp("owner")
    files = {
        **NEVER,
        "matrix/engine/__init__.py": LOADS,
        "matrix/engine/preload.py": LOADS,
        "agents/__init__.py": "",
        "agents/shop/agent.py": CALLABLES.replace("asynchronous", "create_agent"),
        "owner_package/__init__.py": CALLABLES.replace("asynchronous", "agent"),
        "pyproject.toml": '[tool.matrix.agents]\nnamed = "owner_package:agent"\n',
    }
    write(root, files)
    return root


def ran(project: Path, *arguments: str) -> str:
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    done = subprocess.run([COMMAND, *arguments], cwd=project, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(project: Path, what: str) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(ran(project, "list", what, "--json"))}


def test_the_owners_agents_are_listed_and_not_those_of_this_repository(project: Path) -> None:
    agents = rows(project, "agents")
    assert {"control", "named", "shop"} <= set(agents)
    assert "stan" not in agents
    assert agents["shop"]["origin"] == str(project / "agents" / "shop" / "agent.py")


def test_the_stubs_are_ours(project: Path) -> None:
    assert "echo" in rows(project, "servers")


def test_a_run_uses_our_packages_and_the_owners_agents(project: Path, tmp_path: Path) -> None:
    """The fork server begins in the owner's folder, and the workers import from it."""
    narrow = ("--capability", "discovery.list-tools", "--transport", "http", "--revision", "2025-11-25")
    asked = ("--agent", "owner_package:agent", "--agent", "shop", "--agent", "named")
    ran(project, "run", *asked, *narrow, "--output", str(tmp_path / "out"))
    lines = [json.loads(line) for line in (tmp_path / "out" / "matrix.jsonl").read_text().splitlines()]
    verdicts = {each["agent"]: each["verdict"] for each in lines if each["kind"] == "outcome"}
    assert verdicts == dict.fromkeys(("control", "named", "owner_package", "shop"), "passed")
