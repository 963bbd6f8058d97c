"""Where two packages have one name, the advice is right: followed to the letter, all rows work."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.test_discovery import write

AGENT = "def create_agent():\n    return 'made'\n"
LOADED = """\
import json, sys
from pathlib import Path

sys.path.insert(0, {site!r})
from matrix.registry.discovery import find_agents
from matrix.registry.importing import Broken, load

name = sys.argv[1]
agent = next(each for each in find_agents(Path.cwd()) if each.name == name)
try:
    told = load(agent.target, Path(agent.folder))()
except Broken as broken:
    told = broken.mend
print(json.dumps(told))
"""


def told(project: Path, name: str) -> str:
    """Load a row in a process of its own, as a worker does; returns what it made, or the advice."""
    code = LOADED.format(site=str(project.parent / "site"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, name], cwd=project, capture_output=True, text=True, check=True
    )
    return str(json.loads(done.stdout))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project beside a folder of installed packages, where the SDK of another framework is called `agents`."""
    root = tmp_path / "project"
    root.mkdir()
    write(
        tmp_path / "site",
        {
            "openai_agents-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: openai-agents\nVersion: 1.0\n",
            "openai_agents-1.0.dist-info/top_level.txt": "agents\n",
            "agents/__init__.py": "class Runner: ...\n",
        },
    )
    return root


def follow(project: Path, advice: str, name: str) -> None:
    """Do what the advice says: move modules, and register the name that it gives."""
    moved = re.search(r": move (the Python modules of )?(\S+) to (\S+), and register (\S+)$", advice)
    assert moved, advice
    _, source, target, registered = moved.groups()
    (project / target).parent.mkdir(parents=True, exist_ok=True)
    if source.endswith(".py"):
        (project / source).rename(project / target)
    else:
        (project / target).mkdir(parents=True, exist_ok=True)
        for module in (project / source).glob("*.py"):
            module.rename(project / target / module.name)
    with (project / "pyproject.toml").open("a") as file:
        head = "[tool.matrix.agents]\n" if file.tell() == 0 else ""
        file.write(f'{head}{name} = "{registered}"\n')


def test_a_file_agents_py_beside_the_folder_keeps_its_own_row(project: Path) -> None:
    write(
        project,
        {
            "agents.py": AGENT,
            "agents/shop/agent.py": "from tools import made\n\ndef create_agent():\n    return made\n",
            "tools.py": "made = 'made with a tool'\n",
            "pyproject.toml": '[tool.matrix.agents]\nother = "agents:create_agent"\n',
        },
    )
    advice = told(project, "shop")
    assert advice == (
        "the name 'agents' is taken by the file agents.py: move the Python modules of agents/shop to my_agents/shop, "
        "and register my_agents.shop.agent:create_agent"
    )
    follow(project, advice, "shop")
    assert told(project, "shop") == "made with a tool"
    assert told(project, "other") == "made"


def test_an_installed_package_agents_stays_what_other_rows_need(project: Path) -> None:
    write(
        project,
        {
            "agents/shop/agent.py": f"from agents import Runner\n\n{AGENT}",
            "agents/sales/agent.py": AGENT,
            "other.py": f"from agents import Runner\n\n{AGENT}",
            "pyproject.toml": '[tool.matrix.agents]\nother = "other:create_agent"\n',
        },
    )
    for name in ("shop", "sales"):
        advice = told(project, name)
        assert advice.startswith(
            "the name 'agents' is taken by the installed openai-agents: move the Python modules of"
        )
        follow(project, advice, name)
    assert [told(project, name) for name in ("shop", "sales", "other")] == ["made"] * 3


def test_a_package_agents_of_the_owner_goes_before_an_installed_one(project: Path) -> None:
    write(project, {"agents/__init__.py": "", "agents/shop/agent.py": AGENT, "agents/sales/agent.py": AGENT})
    assert (told(project, "shop"), told(project, "sales")) == ("made", "made")


def test_a_package_agents_of_the_owner_that_hides_what_its_own_code_needs(project: Path) -> None:
    write(
        project,
        {
            "agents/__init__.py": "",
            "agents/shop/agent.py": f"from agents import Runner\n\n{AGENT}",
            "agents/sales/agent.py": AGENT,
        },
    )
    advice = told(project, "shop")
    assert advice == (
        "the folder agents hides the installed openai-agents: rename it to my_agents, correct the imports of it, "
        "and register its agents in [tool.matrix.agents], such as my_agents.shop.agent:create_agent"
    )
    (project / "agents").rename(project / "my_agents")
    rows = {name: f"my_agents.{name}.agent:create_agent" for name in ("shop", "sales")}
    write(project, {"pyproject.toml": "[tool.matrix.agents]\n" + "".join(f'{k} = "{v}"\n' for k, v in rows.items())})
    assert (told(project, "shop"), told(project, "sales")) == ("made", "made")


def test_a_file_of_the_owner_that_hides_what_a_row_needs(project: Path) -> None:
    write(project, {"agents.py": "", "shop.py": f"from agents import Runner\n\n{AGENT}"})
    write(project, {"pyproject.toml": '[tool.matrix.agents]\nshop = "shop:create_agent"\n'})
    assert told(project, "shop") == "the file agents.py hides the installed openai-agents: give it another name"
    (project / "agents.py").rename(project / "others.py")
    assert told(project, "shop") == "made"


def test_a_folder_without_init_is_imported_where_nobody_else_has_the_name(project: Path) -> None:
    write(project, {"rows/shop/agent.py": AGENT})
    write(project, {"pyproject.toml": '[tool.matrix.agents]\nshop = "rows.shop.agent:create_agent"\n'})
    assert told(project, "shop") == "made"


def test_one_file_of_a_hidden_folder_is_moved_alone(project: Path) -> None:
    write(project, {"agents/shop.py": AGENT, "agents/cli.toml": 'argv = ["sh"]\n'})
    write(project, {"pyproject.toml": '[tool.matrix.agents]\nsold = "agents.shop:create_agent"\n'})
    advice = told(project, "sold")
    assert advice.endswith(": move agents/shop.py to my_agents/shop.py, and register my_agents.shop:create_agent")
    (project / "pyproject.toml").unlink()
    follow(project, advice, "sold")
    assert told(project, "sold") == "made"


def test_a_folder_whose_own_module_has_its_name_is_told_too(project: Path) -> None:
    write(project, {"rows/shop.py": AGENT, "rows/shop/agent.py": AGENT})
    table = '[tool.matrix.agents]\nfile = "rows.shop:create_agent"\nshop = "rows.shop.agent:create_agent"\n'
    write(project, {"pyproject.toml": table})
    advice = told(project, "shop")
    assert advice.startswith("the name 'rows.shop' is taken by the file rows/shop.py: move the Python modules of")
    write(project, {"pyproject.toml": '[tool.matrix.agents]\nfile = "rows.shop:create_agent"\n'})
    follow(project, advice, "shop")
    assert (told(project, "file"), told(project, "shop")) == ("made", "made")


def test_a_tool_of_the_owner_that_an_installed_package_hides_is_told(project: Path) -> None:
    write(project, {"agents/tools.py": "", "shop.py": f"import agents.tools\n\n{AGENT}"})
    write(project, {"pyproject.toml": '[tool.matrix.agents]\nshop = "shop:create_agent"\n'})
    assert told(project, "shop") == (
        "the name 'agents' is taken by the installed openai-agents: give the folder agents another name"
    )
    (project / "agents").rename(project / "helpers")
    write(project, {"shop.py": f"import helpers.tools\n\n{AGENT}"})
    assert told(project, "shop") == "made"


@pytest.mark.parametrize("target", ["matrix.shop:create_agent", "matrix:create_agent", "mcp_stubs.shop:create_agent"])
def test_a_name_of_this_tool_cannot_be_had_in_its_process(project: Path, target: str) -> None:
    top = target.partition(":")[0].partition(".")[0]
    write(project, {f"{top}/__init__.py": AGENT, f"{top}/shop.py": AGENT})
    write(project, {"pyproject.toml": f'[tool.matrix.agents]\nshop = "{target}"\n'})
    assert told(project, "shop") == (
        f"the name '{top}' is taken by a package of this tool: "
        "register the agent as a command (`argv`), which has a process of its own"
    )
