"""What is published: everything that a matrix needs, and nothing else."""

from __future__ import annotations

import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.packaging.conftest import ROOT

EXTRAS = {"configs", "api", "bench", "dask", "testing"}


@pytest.fixture(scope="session")
def files(wheel: Path) -> frozenset[str]:
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    return Parser().parsestr(read(wheel, "METADATA"))


def read(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        path = next(each for each in archive.namelist() if each.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def test_the_wheel_holds_the_tool_and_the_stubs_and_nothing_else(files: frozenset[str]) -> None:
    assert {name.partition("/")[0] for name in files if ".dist-info/" not in name} == {"matrix", "mcp_stubs"}


def test_every_file_of_the_tool_and_of_the_stubs_is_in_the_wheel(files: frozenset[str]) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for folder in ("matrix", "mcp_stubs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in files if ".dist-info/" not in name} == sources


def test_what_is_no_python_is_in_the_wheel_too(files: frozenset[str]) -> None:
    needed = {"matrix/py.typed", "matrix/schema.json", "matrix/configs/policy.toml", "mcp_stubs/real.toml"}
    assert needed <= files
    assert any(name.startswith("matrix/configs/alembic/versions/") for name in files)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in files)


def test_the_metadata_say_what_it_is(metadata: Message) -> None:
    assert metadata["Name"] == "agent-matrix"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Maintainer"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_extras_are_those_that_are_documented_and_each_has_what_the_base_has_not(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS
    required = [Requirement(each) for each in metadata.get_all("Requires-Dist", [])]
    base = {each.name for each in required if each.marker is None}
    for extra in EXTRAS:
        added = {each.name for each in required if each.marker and each.marker.evaluate({"extra": extra})}
        assert added
        assert added.isdisjoint(base)


def test_every_extra_of_the_config_store_has_it_whole(metadata: Message) -> None:
    required = [Requirement(each) for each in metadata.get_all("Requires-Dist", [])]
    of = {
        extra: {each.name for each in required if each.marker and each.marker.evaluate({"extra": extra})}
        for extra in EXTRAS
    }
    assert all(of["configs"] <= of[extra] for extra in EXTRAS - {"dask"})


def test_the_command_and_the_pytest_plugins_are_entry_points(wheel: Path) -> None:
    points = ConfigParser()
    points.read_string(read(wheel, "entry_points.txt"))
    assert dict(points["console_scripts"]) == {"agent-matrix": "matrix.__main__:main"}
    assert dict(points["pytest11"]) == {
        "agent-matrix": "matrix.pytest_plugin",
        "agent-matrix-configs": "matrix.configs.testing",
    }
