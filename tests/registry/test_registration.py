"""Registrations as their owners write them, and what is told of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from matrix.model import Agent, NativeProbe
from matrix.registry.registration import from_import_string, from_mapping, from_toml, with_valid_name

FACTORY = """\
factory = "shop.agent:create_agent"
summary = "Sells."
protocol = "anthropic"
model = "some-model"
services = "shop.services:mock"
live_keys = ["SHOP_KEY"]
unsupported = ["client.sampling"]

[env]
SHOP_KEY = "test"

[native]
tool = "price"
arguments = { of = "tea" }
contains = "3"
"""
COMMAND = """\
argv = ["{bin}/agent", "--mcp", "{mcp_config}", "{prompt}"]
protocol = "google"

[env]
BASE = "{model_base_url}"

[files]
".config/agent.json" = "{}"

[install]
pypi = ["agent==1.0"]
npm = ["agent@2.0"]
python = "3.12"
"""


def registered(folder: Path, text: str | bytes, root: Path | None = None) -> Agent:
    path = folder / "agent.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return from_toml(path, "shop", root)


def cause_and_mend(agent: Agent) -> tuple[str, str]:
    assert agent.problem is not None
    return agent.problem.cause, agent.problem.mend


def test_a_row_with_a_factory_keeps_everything_that_it_declares(tmp_path: Path) -> None:
    agent = registered(tmp_path / ".", FACTORY, tmp_path / "project")
    assert agent == Agent(
        name="shop",
        origin=str(tmp_path / "agent.toml"),
        summary="Sells.",
        target="shop.agent:create_agent",
        protocol="anthropic",
        model="some-model",
        services="shop.services:mock",
        folder=str(tmp_path / "project"),
        env={"SHOP_KEY": "test"},
        live_keys=("SHOP_KEY",),
        native=NativeProbe("price", {"of": "tea"}, "3"),
        unsupported=frozenset({"client.sampling"}),
    )


def test_a_row_with_a_command_keeps_its_files_and_pins(tmp_path: Path) -> None:
    command = registered(tmp_path, COMMAND).command
    assert command is not None
    assert command.argv == ("{bin}/agent", "--mcp", "{mcp_config}", "{prompt}")
    assert command.env == {"BASE": "{model_base_url}"}
    assert command.files == {".config/agent.json": "{}"}
    assert (command.pypi, command.npm, command.python) == (("agent==1.0",), ("agent@2.0",), "3.12")


def test_the_folder_of_a_command_is_that_of_its_toml_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agents").mkdir()
    monkeypatch.chdir(tmp_path)
    agent = registered(Path("agents"), COMMAND, Path())
    assert agent.folder == str((tmp_path / "agents").resolve())


def test_an_import_string_is_a_whole_row() -> None:
    agent = from_import_string("shop.agent:Shop.create", "shop", "entry point 'shop' of shop")
    assert (agent.target, agent.problem) == ("shop.agent:Shop.create", None)


@pytest.mark.parametrize("program", ["sh", "/bin/sh", "{bin}/anything", "{folder}/agent"])
def test_a_command_that_is_there_or_will_be_installed_is_no_problem(tmp_path: Path, program: str) -> None:
    (tmp_path / "agent").touch(0o755)
    assert from_mapping({"argv": [program]}, "shop", "a test", tmp_path).problem is None


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("no-such-agent", "the command 'no-such-agent' is not on PATH"),
        ("{folder}/agent", "the command '{folder}/agent' cannot be found, or is not executable"),
    ],
)
def test_a_missing_command_is_a_problem_of_its_row(tmp_path: Path, program: str, cause: str) -> None:
    agent = from_mapping({"argv": [program, "{prompt}"]}, "shop", "shop.toml", tmp_path)
    assert cause_and_mend(agent) == (cause, "install it, or correct `argv` in shop.toml")


@pytest.mark.parametrize(
    ("row", "cause", "key"),
    [
        ({}, "the row: Value error, name either `factory`", "the row"),
        ({"factory": "a:b", "argv": ["sh"]}, "the row: Value error, name either `factory`", "the row"),
        ({"factory": "a:b", "sumary": "?"}, "sumary: Extra inputs are not permitted", "sumary"),
        ({"factory": "no colon"}, "factory: String should match pattern", "factory"),
        ({"factory": "a:b", "protocol": "soap"}, "protocol: Input should be 'openai-chat'", "protocol"),
        ({"factory": "a:b", "native": {"arguments": {}}}, "native.tool: Field required", "native.tool"),
        ({"argv": ["sh"], "env": {"PORT": 80}}, "env.PORT: Input should be a valid string", "env.PORT"),
        ({"argv": ["sh"], "files": {"../x": ""}}, "files: Value error, '../x' should be a path below", "files"),
        ({"argv": ["sh"], "files": {"/etc/x": ""}}, "files: Value error, '/etc/x' should be a path", "files"),
    ],
)
def test_a_wrong_key_is_named_with_its_mend(row: dict[str, Any], cause: str, key: str) -> None:
    told, mend = cause_and_mend(from_mapping(row, "shop", "shop.toml"))
    assert told.startswith(cause)
    assert mend == f"correct `{key}` in shop.toml"


def test_a_file_that_is_no_toml_is_told_with_the_line(tmp_path: Path) -> None:
    told, mend = cause_and_mend(registered(tmp_path, 'summary = "fine"\nfactory = "a:b\n'))
    assert told.startswith("is no valid TOML: ")
    assert "(at line 2, column 15)" in told
    assert mend == f"correct {tmp_path / 'agent.toml'}"


def test_a_file_that_is_no_text_is_told_as_such(tmp_path: Path) -> None:
    told, _ = cause_and_mend(registered(tmp_path, b'summary = "caf\xe9"\n'))
    assert told.startswith("is no valid TOML: 'utf-8' codec can't decode")


def test_a_file_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").mkdir()
    told, mend = cause_and_mend(from_toml(tmp_path / "agent.toml", "shop"))
    assert (told, mend) == ("cannot be read: Is a directory", "make the file readable")


@pytest.mark.parametrize("name", ["control", "a::b", "a[b]", "two words"])
def test_a_name_that_does_not_fit_into_a_cells_id_is_a_row_that_says_so(name: str) -> None:
    row = with_valid_name(from_mapping({"factory": "pkg.module:create_agent"}, name, "pyproject.toml"))
    assert row.problem is not None
    assert repr(name) in str(row.problem)
    assert row.name != "control"
    assert with_valid_name(row) == row
