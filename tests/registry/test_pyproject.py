"""`[tool.matrix]` and the folder of agents: what is wrong with either is one sentence, and one row hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from matrix.errors import ConfigurationError
from matrix.model import Agent
from matrix.registry.discovery import find_agents


def rows(root: Path, *extra: str) -> dict[str, Agent]:
    """Return the agents by name, without those that the packages of this environment bring along."""
    known = {each.name for each in find_agents(Path("/nonexistent"))}
    return {each.name: each for each in find_agents(root, extra) if each.name not in known}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.matrix]\nagent = {}\n", "tool.matrix.agent: unknown key (the nearest is 'agents')"),
        ("[tool.matrix]\njobs = 3\n", "tool.matrix.jobs: unknown key (known are agents)"),
        ("[tool.matrix.agnets]\na = 'b:c'\n", "tool.matrix.agnets: unknown key (the nearest is 'agents')"),
        ("[tool]\nmatrix = 3\n", "tool.matrix: should be a table"),
        ("tool = []\n", "tool: should be a table"),
        ("[[tool.matrix.agents]]\na = 'b:c'\n", "tool.matrix.agents: should be a table of name = 'package.module"),
        ("[tool.matrix\n", "line 1: is no valid TOML: "),
    ],
)
def test_a_pyproject_that_says_something_else_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        find_agents(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'pyproject.toml'}: {told}")


def test_a_pyproject_that_cannot_be_read_is_refused_and_never_skipped(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.mkdir()
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: cannot be read: Is a directory"):
        find_agents(tmp_path)
    path.rmdir()
    path.symlink_to(path)
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: cannot be read: Too many levels of symbolic links"):
        find_agents(tmp_path)
    path.unlink()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: is no UTF-8 text; save it as UTF-8"):
        find_agents(tmp_path)


def test_a_pyproject_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b'\xef\xbb\xbf[tool.matrix.agents]\nshop = "shop:agent"\n')
    assert rows(tmp_path)["shop"].target == "shop:agent"


def test_a_folder_of_agents_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agents").symlink_to(tmp_path / "agents")
    with pytest.raises(ConfigurationError, match="agents: cannot be read: Too many levels of symbolic links"):
        find_agents(tmp_path)


def test_a_row_whose_file_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    agents = tmp_path / "agents"
    for name in ("loop", "folder", "good"):
        (agents / name).mkdir(parents=True)
    (agents / "loop" / "agent.toml").symlink_to(agents / "loop" / "agent.toml")
    (agents / "folder" / "agent.toml").mkdir()
    (agents / "gone.toml").symlink_to(agents / "nothing")
    (agents / "good" / "agent.toml").write_text('factory = "shop:agent"\n')
    found = rows(tmp_path)
    assert {name: str(each.problem) if each.problem else None for name, each in found.items()} == {
        "loop": f"cannot be read: Too many levels of symbolic links; correct {agents / 'loop' / 'agent.toml'}",
        "folder": f"cannot be read: Is a directory; correct {agents / 'folder' / 'agent.toml'}",
        "gone": f"cannot be read: No such file or directory; correct {agents / 'gone.toml'}",
        "good": None,
    }


def test_two_rows_of_one_name_in_one_place_are_told_with_both_places(tmp_path: Path) -> None:
    agents = tmp_path / "agents"
    (agents / "shop").mkdir(parents=True)
    (agents / "shop" / "agent.toml").write_text('factory = "one:agent"\n')
    (agents / "shop.toml").write_text('factory = "two:agent"\n')
    told = str(rows(tmp_path)["shop"].problem)
    assert told == (
        f"the name 'shop' is registered twice: {agents / 'shop' / 'agent.toml'}, and {agents / 'shop.toml'}; "
        "give one of them another name"
    )


def test_two_import_strings_that_make_one_name_are_told_and_the_same_one_twice_is_one(tmp_path: Path) -> None:
    twice = rows(tmp_path, "one.shop:create_agent", "two.shop:create_agent")["shop"]
    assert str(twice.problem) == (
        "the name 'shop' is registered twice: --agent one.shop:create_agent, and --agent two.shop:create_agent; "
        "give one of them another name"
    )
    assert rows(tmp_path, "one.shop:agent", "one.shop:agent")["shop"].problem is None
