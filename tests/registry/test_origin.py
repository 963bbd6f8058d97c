"""A row knows where it was registered, and the words that bring it back, through a shell and from another folder."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.model import Agent
from matrix.origin import Registration, RegistrationKind
from matrix.registry.discovery import find_agents

SHOWN = """\
import json, sys
from pathlib import Path
from matrix.registry.discovery import find_agents
given = sys.argv[2::2]  # behind each --agent
rows = find_agents(Path.cwd(), given)
print(json.dumps({each.name: [each.target, each.command and each.command.argv] for each in rows}))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with a row of each kind; its folder's name asks for quotes."""
    root = tmp_path / "it's a project"
    (root / "agents").mkdir(parents=True)
    (root / "my rows").mkdir()
    (root / "agents" / "folder.toml").write_text('argv = ["sh"]\n')
    (root / "pyproject.toml").write_text('[tool.matrix.agents]\nproject = "shop:agent"\n')
    (root / "my rows" / "given.toml").write_text('argv = ["sh", "{prompt}"]\n')
    monkeypatch.chdir(root)
    return root


def found(root: Path) -> dict[str, Agent]:
    return {each.name: each for each in find_agents(root, ("my rows/given.toml", "shop:other"))}


def test_a_row_knows_the_kind_the_source_and_the_folder_of_its_registration(project: Path) -> None:
    agents = found(Path())
    root = str(project)
    assert agents["folder"].registration == Registration(
        RegistrationKind.FOLDER, f"{root}/agents/folder.toml", root=root
    )
    assert agents["project"].registration == Registration(
        RegistrationKind.PYPROJECT, f"{root}/pyproject.toml", "project", root
    )
    assert agents["given"].registration == Registration(
        RegistrationKind.TOML_FILE, f"{root}/my rows/given.toml", root=root
    )
    assert agents["shop.other"].registration == Registration(RegistrationKind.IMPORT_STRING, "shop:other", root=root)
    assert agents["control"].registration == Registration(RegistrationKind.BUILT_IN, root=root)


def test_a_row_says_in_words_where_it_was_registered(project: Path) -> None:
    said = {name: str(each.registration) for name, each in found(project).items()}
    assert said["folder"] == f"{project}/agents/folder.toml"
    assert said["project"] == f"{project}/pyproject.toml [tool.matrix.agents] project"
    assert said["given"] == f"{project}/my rows/given.toml"
    assert said["shop.other"] == "--agent shop:other"
    assert said["control"] == "built in"
    assert str(Registration(RegistrationKind.ENTRY_POINT, "shop", "sofia")) == "entry point 'sofia' of shop"


@pytest.mark.parametrize("name", ["folder", "project", "given", "shop.other", "control"])
def test_the_words_of_a_row_bring_it_back_through_a_shell_from_another_folder(
    project: Path, tmp_path: Path, name: str
) -> None:
    agent = found(project)[name]
    root = agent.registration.root
    assert root is not None
    line = f"cd {shlex.quote(root)} && {shlex.join([sys.executable, '-c', SHOWN, *agent.registration.arguments])}"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    command = None if agent.command is None else list(agent.command.argv)
    assert json.loads(done.stdout)[name] == [agent.target, command]


def test_a_toml_file_needs_no_folder(project: Path, tmp_path: Path) -> None:
    agent = found(project)["given"]
    option, path = agent.registration.arguments
    assert (option, path) == ("--agent", f"{project}/my rows/given.toml")
    assert {each.name: each.command for each in find_agents(tmp_path, (path,))}["given"] == agent.command
