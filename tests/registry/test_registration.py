"""Registrations as their owners write them, and what is told of those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from matrix.environment_spec import EnvironmentSpec
from matrix.harness_spec import HarnessKind
from matrix.model import Agent, OwnServers, Probe
from matrix.origin import Registration, RegistrationKind
from matrix.registry.registration import from_import_string, from_mapping, from_toml, with_valid_name
from matrix.report.catalogue import agent_row

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
    return from_toml(path, "shop", at(path), root)


def at(path: Path | str) -> Registration:
    return Registration(RegistrationKind.FOLDER, str(path))


def cause_and_mend(agent: Agent) -> tuple[str, str]:
    assert agent.problem is not None
    return agent.problem.cause, agent.problem.mend


def test_a_row_with_a_factory_keeps_everything_that_it_declares(tmp_path: Path) -> None:
    agent = registered(tmp_path / ".", FACTORY, tmp_path / "project")
    assert agent == Agent(
        name="shop",
        registration=at(tmp_path / "agent.toml"),
        summary="Sells.",
        target="shop.agent:create_agent",
        protocol="anthropic",
        model="some-model",
        services="shop.services:mock",
        folder=str(tmp_path / "project"),
        env={"SHOP_KEY": "test"},
        live_keys=("SHOP_KEY",),
        native=Probe("price", {"of": "tea"}, "3"),
        unsupported=frozenset({"client.sampling"}),
    )


def test_a_row_with_a_command_keeps_its_files_and_pins(tmp_path: Path) -> None:
    command = registered(tmp_path, COMMAND).command
    assert command is not None
    assert command.argv == ("{bin}/agent", "--mcp", "{mcp_config}", "{prompt}")
    assert command.env == {"BASE": "{model_base_url}"}
    assert command.files == {".config/agent.json": "{}"}
    assert command.environment == EnvironmentSpec("shop", ("agent==1.0",), ("agent@2.0",), "3.12")


def test_the_folder_of_a_command_is_that_of_its_toml_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agents").mkdir()
    monkeypatch.chdir(tmp_path)
    agent = registered(Path("agents"), COMMAND, Path())
    assert agent.folder == str((tmp_path / "agents").resolve())


def test_an_import_string_is_a_whole_row() -> None:
    agent = from_import_string("shop.agent:Shop.create", "shop", at("shop.toml"))
    assert (agent.target, agent.problem) == ("shop.agent:Shop.create", None)


def test_a_row_says_what_its_agent_needs_and_what_becomes_of_its_own_servers() -> None:
    agent = from_mapping({"factory": "a:b", "deps": "a:Deps", "own_servers": "keep"}, "shop", at("shop.toml"))
    assert (agent.deps, agent.own_servers) == ("a:Deps", OwnServers.KEEP)
    assert from_import_string("a:b", "shop", at("shop.toml")).own_servers is OwnServers.DROP


@pytest.mark.parametrize("program", ["sh", "/bin/sh", "{folder}/agent"])
def test_a_command_that_is_there_or_will_be_installed_is_no_problem(tmp_path: Path, program: str) -> None:
    (tmp_path / "agent").touch(0o755)
    assert from_mapping({"argv": [program]}, "shop", at("a test"), tmp_path).problem is None


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("no-such-agent", "the command 'no-such-agent' is not on PATH"),
        ("{folder}/agent", "the command '{folder}/agent' cannot be found, or is not executable"),
    ],
)
def test_a_missing_command_is_a_problem_of_its_row(tmp_path: Path, program: str, cause: str) -> None:
    agent = from_mapping({"argv": [program, "{prompt}"]}, "shop", at("shop.toml"), tmp_path)
    assert cause_and_mend(agent) == (cause, "install it, or correct `argv` in shop.toml")


@pytest.mark.parametrize(
    ("row", "cause", "key"),
    [
        (
            {},
            "the row: name one way to start it, `factory`, `target`, `module`, `argv` or `harness`; it has none",
            "the row",
        ),
        ({"factory": "a:b", "argv": ["sh"]}, "the row: name one way to start it", "the row"),
        ({"factory": "a:b", "sumary": "?"}, "sumary: unknown key (the nearest is 'summary')", "sumary"),
        ({"factory": "no colon"}, "factory: 'no colon' should be an import string", "factory"),
        ({"factory": "a:b", "protocol": "soap"}, "protocol: Input should be 'openai-chat'", "protocol"),
        ({"factory": "a:b", "native": {"arguments": {}}}, "native.tool: Field required", "native.tool"),
        ({"argv": ["sh"], "env": {"PORT": 80}}, "env.PORT: Input should be a valid string", "env.PORT"),
        ({"argv": ["sh"], "deps": "a:b"}, "the row: `deps` is for a `factory` or a `target`", "the row"),
        ({"argv": ["sh"], "own_servers": "keep"}, "the row: `own_servers` is for a `factory` or a `target`", "the row"),
        ({"factory": "a:b", "own_servers": "stub"}, "own_servers: Input should be 'replace', 'drop'", "own_servers"),
        ({"argv": ["sh"], "files": {"../x": ""}}, "files: '../x' should be a path below", "files"),
        ({"argv": ["sh"], "files": {"/etc/x": ""}}, "files: '/etc/x' should be a path", "files"),
    ],
)
def test_a_wrong_key_is_named_with_its_mend(row: dict[str, Any], cause: str, key: str) -> None:
    told, mend = cause_and_mend(from_mapping(row, "shop", at("shop.toml")))
    assert told.startswith(cause)
    assert mend == f"correct `{key}` in shop.toml"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"argv": ["sh", "{promt}"]},
            "argv: has the unknown placeholder {promt} (the nearest is {prompt}); this place knows {prompt}, ",
        ),
        ({"argv": ["sh"], "env": {"X": "{modelname}"}}, "env: has the unknown placeholder {modelname} (the nearest is"),
        (
            {"argv": ["sh"], "files": {"a.json": '{"url": "{model_url}"}'}},
            "files: has the unknown placeholder {model_url} (the nearest is {model_",
        ),
        ({"argv": ["{bin}/x"]}, "argv: has {bin}, which is the folder of what `install` names, and the row has no"),
        ({"argv": ["sh"], "files": {"{home}/x": ""}}, "files: '{home}/x' should be a plain path"),
        ({"factory": "a:b", "env": {"X": "{home}"}}, "env: has {home}, which is filled in for commands (`argv`) only"),
        ({"factory": "a:b", "files": {"x": ""}}, "the row: `files` are written for a command (`argv`) only"),
        ({"factory": "a:b", "install": {"pypi": ["x==1"]}}, "the row: `install` is for a command (`argv`) only"),
        ({"argv": ["sh"], "services": "a:b"}, "the row: `services` answer the calls of a `factory` or a `target` only"),
        ({"argv": ["sh"], "install": {"python": "3.12"}}, "install: needs a package"),
        ({"argv": ["sh"], "install": {"pipy": ["x"]}}, "install.pipy: unknown key (the nearest is 'pypi')"),
        (
            {"factory": "a:b", "native": {"tool": "x", "argument": {}}},
            "native.argument: unknown key (the nearest is 'arguments')",
        ),
    ],
)
def test_what_would_be_ignored_is_refused_with_its_key(row: dict[str, Any], told: str) -> None:
    assert cause_and_mend(from_mapping(row, "shop", at("shop.toml")))[0].startswith(told)


@pytest.mark.parametrize(
    "row",
    [
        {"argv": ["sh", "-c", "echo ${HOME} {{print}}"], "env": {"P": "{home}/x:${PATH}"}},
        {"argv": ["{bin}/x"], "install": {"npm": ["x@1.0.0"]}},
        {"argv": ["sh"], "files": {"a.json": '{"mcp": {"config": "{mcp_config}", "n": {"a": 1}}}'}},
        {"factory": "a:b", "env": {"TEMPLATE": "{anything} of the agent's own"}},
    ],
)
def test_braces_that_are_no_placeholders_are_no_problem(row: dict[str, Any]) -> None:
    assert from_mapping(row, "shop", at("shop.toml")).problem is None


@pytest.mark.parametrize(("name", "folder"), [("_shop", "row_shop"), ("caf\xe9+", "caf--")])
def test_an_environment_is_called_like_its_row_as_far_as_a_folder_can_be(name: str, folder: str) -> None:
    command = from_mapping({"argv": ["x"], "install": {"pypi": ["x==1"]}}, name, at("shop.toml")).command
    assert command is not None
    assert command.environment == EnvironmentSpec(folder, ("x==1",))


def test_a_row_tells_which_of_its_packages_are_not_pinned() -> None:
    install = {"pypi": ["x", "y==1"], "npm": ["z@latest"]}
    row = from_mapping({"argv": ["x"], "install": install, "summary": "Sells."}, "shop", at("shop.toml"))
    assert row.unpinned == ("x", "z@latest")
    assert agent_row(row)["unpinned"] == ["x", "z@latest"]
    assert agent_row(row)["note"] == "Sells. (not pinned: x, z@latest)"
    assert from_mapping({"factory": "a:b"}, "shop", at("shop.toml")).unpinned == ()


def test_a_file_that_is_no_toml_is_told_with_the_line(tmp_path: Path) -> None:
    told, mend = cause_and_mend(registered(tmp_path, 'summary = "fine"\nfactory = "a:b\n'))
    assert told.startswith("line 2: is no valid TOML: ")
    assert "(at line 2, column 15)" in told
    assert mend == f"correct {tmp_path / 'agent.toml'}"


def test_a_file_that_is_no_text_is_told_as_such(tmp_path: Path) -> None:
    told, _ = cause_and_mend(registered(tmp_path, b'summary = "caf\xe9"\n'))
    assert told == "is no UTF-8 text; save it as UTF-8"


def test_a_file_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").mkdir()
    told, mend = cause_and_mend(from_toml(tmp_path / "agent.toml", "shop", at("shop")))
    assert (told, mend) == ("cannot be read: Is a directory", f"correct {tmp_path / 'agent.toml'}")


@pytest.mark.parametrize("name", ["control", "a::b", "a[b]", "two words"])
def test_a_name_that_does_not_fit_into_a_cells_id_is_a_row_that_says_so(name: str) -> None:
    row = with_valid_name(from_mapping({"factory": "pkg.module:create_agent"}, name, at("pyproject.toml")))
    assert row.problem is not None
    assert repr(name) in str(row.problem)
    assert row.name != "control"
    assert with_valid_name(row) == row


@pytest.mark.parametrize(
    ("row", "kind", "argv"),
    [
        ({"target": "run:agent", "install": {"pypi": ["x==1"]}}, HarnessKind.PYTHON, ("{bin}/python",)),
        ({"target": "run:agent", "python": "/bin/sh"}, HarnessKind.PYTHON, ("/bin/sh",)),
        ({"module": "run.mjs", "install": {"npm": ["x@1.0.0"]}}, HarnessKind.NODE, ("node",)),
        ({"harness": ["sh", "{folder}/serve.sh"]}, HarnessKind.OWN, ("sh", "{folder}/serve.sh")),
    ],
)
def test_a_row_in_an_environment_of_its_own_says_how_its_harness_is_started(
    tmp_path: Path, row: dict[str, Any], kind: HarnessKind, argv: tuple[str, ...]
) -> None:
    (tmp_path / "run.mjs").touch()
    agent = from_mapping(row, "shop", at("shop.toml"), tmp_path)
    assert agent.problem is None
    assert agent.harness is not None
    assert (agent.harness.kind, agent.harness.argv, agent.command) == (kind, argv, None)
    assert agent.packages == tuple(each for names in row.get("install", {}).values() for each in names)


def test_an_owners_interpreter_is_looked_for_beside_the_row_and_its_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/bin/sh")
    agent = registered(tmp_path, 'target = "run:agent"\npython = ".venv/bin/python"\n')
    assert agent.harness is not None
    assert (agent.harness.argv, agent.folder) == ((str(tmp_path / ".venv" / "bin" / "python"),), str(tmp_path))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"target": "a:b"}, "the row: `target` needs an interpreter of its own, `python` or `[install] pypi`"),
        ({"target": "a:b", "install": {"npm": ["x@1"]}}, "the row: `target` needs an interpreter of its own"),
        (
            {"target": "a:b", "factory": "a:b"},
            "the row: name one way to start it, `factory`, `target`, `module`, `argv`",
        ),
        (
            {"target": "a:b", "python": "/bin/sh", "install": {"pypi": ["x==1"]}},
            "the row: `python` and `install` are two interpreters for one `target`; leave one of them out",
        ),
        ({"factory": "a:b", "python": "/bin/sh"}, "the row: `python` is the interpreter that imports a `target`"),
        ({"module": "run.mjs", "services": "a:c"}, "the row: `services` answer the calls of a `factory` or a `target`"),
        ({"module": "run.py"}, "module: 'run.py' should be a file for Node, such as 'run.mjs'; Python's is `target`"),
        ({"module": "none.mjs"}, "there is no file 'none.mjs' in "),
        ({"target": "a:b", "python": "no/python"}, "the interpreter 'no/python' cannot be found in "),
        ({"harness": ["{prompt}"]}, "harness: has the unknown placeholder {prompt}"),
        ({"harness": ["{bin}/x"]}, "harness: has {bin}, which is the folder of what `install` names"),
    ],
)
def test_a_harness_row_that_does_not_fit_together_is_told_so(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    assert cause_and_mend(from_mapping(row, "shop", at("shop.toml"), tmp_path))[0].startswith(told)


def test_an_import_string_with_an_interpreter_brings_both_back() -> None:
    registration = Registration(RegistrationKind.IMPORT_STRING, "shop.agent:agent", python="/bin/sh")
    agent = from_import_string("shop.agent:agent", "shop", registration)
    assert agent.harness is not None
    assert (agent.harness.argv, agent.target) == (("/bin/sh",), "shop.agent:agent")
    assert registration.arguments == ("--agent", "shop.agent:agent", "--python", "/bin/sh")
