"""Every way of registering an agent is found and run; every broken one is a red row, and hides no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from matrix.errors import ConfigurationError
from matrix.model import CONTROL, Agent, Verdict
from matrix.outcome import Outcome
from matrix.registry.discovery import find_agents, registration_name
from tests.row_helpers import asked, tiny_argv, told

PYDANTIC_AI = """\
import os

from pydantic_ai import Agent

os.environ.setdefault("OPENAI_API_KEY", "test")

def create_agent():
    return Agent("openai-chat:gpt-4.1-mini")

agent = create_agent()
"""
CALLABLES = """\
import asyncio

from matrix.adapters.control import control

async def asynchronous(task):
    return await control(task)

def synchronous(task):
    return asyncio.run(control(task))

async def remembering(task):
    return await control(task), ["said before"]

class Shop:
    async def __call__(self, task):
        return await control(task)

shop = Shop()
"""
BROKEN = """\
NUMBER = 7

def raising():
    raise LookupError("no such shop")

def returning_none():
    return None

async def mute(task):
    return None
"""
GOOD = (
    "by_toml",
    "by_module",
    "by_command",
    "by_option",
    "given",
    "by_text",
    "by_table",
    "by_entry_point",
    "synchronous",
    "remembering",
    "called",
)
BAD = {
    "bad_toml": r"line 2: is no valid TOML: .*\(at line 2, column 15\); correct .*bad_toml/agent\.toml",
    "bad_key": r"sumary: unknown key \(the nearest is 'summary'\); correct `sumary` in .*bad_key/agent\.toml",
    "bad_command": r"the command 'no-such-agent' is not on PATH; install it, or correct `argv` in .*",
    "bad_row": r"is neither a text nor a table; write name = 'package\.module:attribute'",
    "bad_module": r"nowhere\.agent cannot be imported: no module named 'nowhere'; correct the import string",
    "bad_dependency": r"needy cannot be imported: no module named 'not_installed'; install it",
    "bad_import": r"explosive cannot be imported: ZeroDivisionError: division by zero; import it in a shell .*",
    "bad_attribute": r"failing has no 'agent'; name one that it has, such as mute, raising, returning_none",
    "bad_object": r"failing:NUMBER is of type int, neither a pydantic_ai\.Agent nor a callable; name an agent, .*",
    "bad_factory": r"the agent could not be made: its factory raised LookupError: no such shop",
    "bad_product": r"the agent could not be made: its factory returned NoneType, which is no pydantic_ai\.Agent and .*",
    "bad_answer": r"the agent returned NoneType; it should return a text, .*",
}
EXTRA = ("by_option:agent", "given.toml")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Lay out a project with every kind of registration, right and wrong, and make it the working folder."""
    root = tmp_path_factory.mktemp("project")
    command = f"argv = {json.dumps(tiny_argv())}\n"
    modules = {
        "library.py": PYDANTIC_AI,
        "by_option.py": PYDANTIC_AI,
        "callables.py": CALLABLES,
        "failing.py": BROKEN,
        "needy.py": "import not_installed\n",
        "explosive.py": "1 / 0\n",
    }
    registrations = {
        "agents/__init__.py": "",
        "agents/by_toml/agent.toml": 'factory = "library:create_agent"\n',
        "agents/by_module/agent.py": CALLABLES.replace("asynchronous", "create_agent"),
        "agents/by_command.toml": command,
        "agents/bad_toml/agent.toml": 'summary = "fine"\nfactory = "a:b\n',
        "agents/bad_key/agent.toml": 'factory = "a:b"\nsumary = "?"\n',
        "agents/bad_command.toml": 'argv = ["no-such-agent", "{prompt}"]\n',
        "agents/notes/README.md": "a folder without an agent\n",
        "given.toml": command,
        "pyproject.toml": """\
            [tool.matrix.agents]
            by_text = "callables:asynchronous"
            by_table = { factory = "library:agent", summary = "An agent object." }
            synchronous = "callables:synchronous"
            remembering = "callables:remembering"
            called = "callables:shop"
            bad_row = 7
            bad_module = "nowhere.agent:create_agent"
            bad_dependency = "needy:create_agent"
            bad_import = "explosive:create_agent"
            bad_attribute = "failing:agent"
            bad_object = "failing:NUMBER"
            bad_factory = "failing:raising"
            bad_product = "failing:returning_none"
            bad_answer = "failing:mute"
            """,
        "site/shop-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n",
        "site/shop-1.0.dist-info/entry_points.txt": "[matrix.agents]\nby_entry_point = shop_agent:asynchronous\n",
        "site/shop_agent.py": CALLABLES,
    }
    write(root, {**modules, **registrations})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "site"))
        patch.chdir(root)
        yield root


@pytest.fixture(scope="module")
def agents(project: Path) -> dict[str, Agent]:
    return {agent.name: agent for agent in find_agents(project, EXTRA) if not agent.is_control}


@pytest.fixture(scope="module")
def outcomes(agents: dict[str, Agent]) -> dict[str, Outcome]:
    """Ask everybody for a round trip, in one run."""
    return asked(agents.values())[0]


def test_every_registration_is_found_whatever_is_wrong_with_the_others(agents: dict[str, Agent]) -> None:
    assert sorted(agents) == sorted([*GOOD, *BAD, *installed()])


def installed() -> set[str]:
    """Return the agents that the packages of this environment bring along: none of the project's."""
    return {agent.name for agent in find_agents(Path("/nonexistent"))} - {CONTROL, "by_entry_point"}


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("by_toml", "agents/by_toml/agent.toml"),
        ("by_module", "agents/by_module/agent.py"),
        ("by_command", "agents/by_command.toml"),
        ("by_text", "pyproject.toml [tool.matrix.agents] by_text"),
        ("by_option", "--agent by_option:agent"),
        ("by_entry_point", "entry point 'by_entry_point' of shop"),
    ],
)
def test_a_row_says_where_it_was_registered(agents: dict[str, Agent], name: str, origin: str) -> None:
    assert str(agents[name].registration).endswith(origin)


@pytest.mark.parametrize("name", GOOD)
def test_an_agent_makes_a_round_trip_however_it_is_registered(outcomes: dict[str, Outcome], name: str) -> None:
    assert told(outcomes)[name] == (Verdict.PASSED, "")


@pytest.mark.parametrize("name", BAD)
def test_a_broken_registration_is_a_red_row_with_its_cause_and_mend(outcomes: dict[str, Outcome], name: str) -> None:
    verdict, reason = told(outcomes)[name]
    assert verdict is Verdict.FAILED
    assert re.fullmatch(BAD[name], reason), reason


def test_the_nearest_of_two_registrations_with_one_name_wins(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"agents/given.toml": 'factory = "folder:agent"\n'})
    assert find_agents(tmp_path)[-1].target == "folder:agent"
    write(tmp_path, {"pyproject.toml": '[tool.matrix.agents]\ngiven = "pyproject:agent"\n'})
    assert find_agents(tmp_path)[-1].target == "pyproject:agent"
    assert find_agents(tmp_path, [str(project / "given.toml")])[-1].command is not None


def test_the_control_is_always_there_and_comes_first(project: Path) -> None:
    assert find_agents(project)[0].is_control


def test_a_pyproject_that_is_no_toml_is_a_configuration_error(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[tool.matrix.agents\n"})
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: line 1: is no valid TOML: "):
        find_agents(tmp_path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop.agent:create_agent", "agent"),
        ("shop:agent", "shop"),
        ("shop.sales:Seller.ask", "sales.Seller.ask"),
        ("rows/shop.toml", "shop"),
        ("rows/shop/agent.toml", "shop"),
    ],
)
def test_what_is_named_on_the_command_line_has_a_readable_name(text: str, name: str) -> None:
    assert registration_name(text) == name
