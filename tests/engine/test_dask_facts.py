"""What has to be the same on every machine, and how it is said that it is not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from matrix.engine.prepare import Wish, prepare
from matrix.engine.several.cluster import Address, read_address
from matrix.engine.several.errors import BadEngine
from matrix.engine.several.facts import Facts, difference, facts_of
from matrix.errors import MatrixError
from matrix.plan import Filters
from tests.engine.projects import MUTE, QUESTION, make_project

ROWS = '[tool.matrix.agents]\nmute = "package.mute:agent"\n'
PINNED = 'argv = ["{{bin}}/tool"]\ninstall = {{ pypi = ["tool=={}"] }}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project", ROWS)
    for path, text in {"package/mute.py": MUTE, "agents/tool/agent.toml": PINNED.format("1.0")}.items():
        (made / path).parent.mkdir(parents=True)
        (made / path).write_text(text)
    return made


def facts(project: Path, filters: Filters = QUESTION) -> Facts:
    """Return the facts of this machine, of a project that is planned and not asked."""
    return facts_of(prepare(Wish(project, filters, elsewhere=True), lambda _: None).plan)


def told(ours: Facts, theirs: Facts) -> str:
    found = difference(ours, theirs)
    return "alike" if found is None else f"{found.what}; {found.mend}"


def test_a_copy_of_the_project_in_another_folder_is_the_same(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "elsewhere" / "copy")
    (copy / "package" / "__pycache__").mkdir()
    (copy / "package" / "__pycache__" / "mute.py").write_text("of this machine")
    assert told(facts(project), facts(copy)) == "alike"


def test_other_files_rows_pins_and_agents_are_told_with_the_folder_to_mend(project: Path, tmp_path: Path) -> None:
    ours = facts(project)
    copy = shutil.copytree(project, tmp_path / "copy")
    (copy / "package" / "helper.py").write_text("X = 1\n")
    assert told(ours, facts(copy)).startswith("has another registration, or other files, of the agent 'mute'; check")
    (copy / "agents" / "tool" / "agent.toml").write_text(PINNED.format("2.0"))
    assert "of the agent 'mute'" in told(ours, facts(copy)), "one thing at a time, in order"
    (copy / "package" / "helper.py").unlink()
    assert told(ours, facts(copy)).startswith("pins tool==2.0 for the agent 'tool', which is not what is pinned here")
    (copy / "pyproject.toml").write_text(ROWS.replace("mute =", "loud ="))
    said = told(ours, replace(facts(copy), folder="/srv/copy"))
    assert said == (
        "lacks the agent 'mute' and has the agent 'loud', which is not here; "
        "check out the same project in /srv/copy, where it was started, as here"
    )


def test_versions_come_first_and_are_named() -> None:
    ours = Facts("1.0", "3.11.7", {"mcp": "2.3.0"}, agents={"one": "x"})
    mend = "; install the same version on both (pip install from one lock)"
    for theirs, what in (
        (replace(ours, matrix="2.0", agents={}), "has agent-matrix 2.0, and this machine 1.0"),
        (replace(ours, python="3.13.1"), "has Python 3.13.1, and this machine 3.11.7"),
        (replace(ours, packages={"mcp": "2.2.0"}), "has mcp 2.2.0, and this machine 2.3.0"),
    ):
        assert told(ours, theirs) == what + mend
    assert told(ours, replace(ours, plan="other")).startswith("plans other cells: its servers or capabilities")


@pytest.mark.parametrize(
    ("text", "url"),
    [("dask://10.0.0.5:8786", "tcp://10.0.0.5:8786"), ("dask://[::1]:8786/", "tcp://[::1]:8786")],
)
def test_an_address_is_dasks_with_our_scheme(text: str, url: str) -> None:
    assert read_address(text).of_scheduler == url
    assert read_address(read_address(text).url) == read_address(text)


@pytest.mark.parametrize(
    "text", ["dask", "tcp://h:1", "dask://h", "dask://:1", "dask://h:port", "dask://h:99999", "dask://u@h:1/x"]
)
def test_what_is_no_address_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(BadEngine, match=r"should be dask://HOST:PORT") as refused:
        read_address(text)
    assert isinstance(refused.value, MatrixError)
    assert Address("h", 1).url == "dask://h:1"
