"""`run --configs`: agents are asked about the servers that a store assigns to them, with the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from matrix.configs.secrets import KEY_VARIABLE, new_key
from matrix.errors import OUR_FAULT, UsageError
from matrix.outcome import Blame
from matrix.redaction import MASK
from matrix.results.command import portable
from matrix.results.reading import read_matrix
from matrix.results.schema import schema
from tests.engine.desks import KEY, LONG, REPOSITORY, TOKEN, Asked, Desk, everything, told
from tests.store_server import serving


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return Desk(tmp_path)


def test_each_agent_is_asked_about_its_own_servers_and_the_control_about_all(desk: Desk) -> None:
    desk.keep(
        desk.stdio("mine", ["honest"]),
        desk.stdio("theirs", ["library"]),
        desk.stdio("off", ["honest"], enabled=False),
    )
    result = desk.run(capabilities=("real.discovery",))
    assert told(result.matrix.outcomes) == {
        "control::real.discovery::mine[stdio,any]": ("passed", ""),
        "control::real.discovery::theirs[stdio,any]": ("passed", ""),
        "library::real.discovery::theirs[stdio,any]": ("passed", ""),
        "honest::real.discovery::mine[stdio,any]": ("passed", ""),
    }
    assert result.exit_code == 0
    assert desk.notes == [f"{desk.url} has no enabled server for forger, mute, stray"]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Run the program, once for all tests below: what it needs of its environment is set before it starts."""
    desk = Desk(tmp_path_factory.mktemp("asked"))
    variables = {"ASKED_TOKEN": TOKEN, "ASKED_LONG": LONG, KEY_VARIABLE: new_key(), "PYTHONPATH": str(REPOSITORY)}
    with serving(KEY, desk.deletions) as web, pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, variables[KEY_VARIABLE])
        desk.keep(*everything(desk, web.url))
        options = ["--configs", desk.url, "--configs-policy", "policy.toml"]
        for cell in ("*::real.discovery::*", "*::real.invocation::*", "honest::real.shutdown::mine[*]"):
            options += ["--cell", cell]
        ended = subprocess.run(
            [sys.executable, "-m", "matrix", "run", *options],
            cwd=desk.folder,
            env={**os.environ, **variables, "COLUMNS": "10000"},
            check=False,
            capture_output=True,
            text=True,
        )
    return Asked(desk, read_matrix(desk.folder / "out"), ended.returncode, ended.stdout + ended.stderr)


def test_probes_are_asked_over_stdio_and_over_http_with_the_headers_of_the_config(asked: Asked) -> None:
    wanted = [
        "real.discovery::mine[stdio,any]",
        "real.discovery::web[http,any]",
        "real.invocation::mine[stdio,any]",
        "real.invocation::web[http,any]",
        "real.shutdown::mine[stdio,any]",
    ]
    for agent in ("control", "honest"):
        ours = asked.cells(f"{agent}::")
        assert {cell: ours[f"{agent}::{cell}"] for cell in wanted} == dict.fromkeys(wanted, ("passed", ""))


def test_without_probes_an_agent_is_asked_what_needs_none(asked: Asked) -> None:
    found = asked.cells("library::")
    assert found["library::real.discovery::bare[stdio,any]"] == ("passed", "")
    assert found["library::real.invocation::bare[stdio,any]"] == ("skipped", "bare: its config has no probes")


def test_an_agent_that_never_asks_a_server_without_probes_is_caught(asked: Asked) -> None:
    assert asked.cells("mute::real.discovery") == {
        "mute::real.discovery::bare[stdio,any]": ("failed", "the agent did not ask the server for its tools")
    }


def test_an_agent_that_offers_an_excluded_tool_is_caught(asked: Asked) -> None:
    assert asked.cells("forger::real.discovery") == {
        "forger::real.discovery::mine[stdio,any]": ("failed", "3 tools were offered where the server has 2"),
        "forger::real.discovery::web[http,any]": ("failed", "3 tools were offered where the server has 2"),
    }


@pytest.mark.parametrize("server", ["mine[stdio,any]", "web[http,any]"])
def test_an_excluded_tool_is_neither_shown_nor_called(asked: Asked, server: str) -> None:
    evidence = asked.evidence(f"stray::real.discovery::{server}")
    offered = {tool["name"].rpartition("__")[2] for each in evidence["model"] for tool in each["offered"]}
    assert offered == {"own_tool", "whoami", "add"}
    assert "Unknown tool: delete" in evidence["agent"][-1]["answer"]
    called = [frame["message"] for frame in evidence["server"]["frames"] if "params" in frame["message"]]
    assert "delete" in [each["params"].get("name") for each in called]
    assert not asked.desk.deletions.exists()


def test_what_cannot_be_attached_is_skipped_with_the_reason(asked: Asked) -> None:
    found = {cell.partition("::")[2]: each for cell, each in asked.cells("honest::").items() if each[0] == "skipped"}
    reasons = {
        cell.removeprefix("real.discovery::"): reason
        for cell, (_, reason) in found.items()
        if cell.startswith("real.discovery")
    }
    assert reasons == {
        "a%20b%2Bc%5Bd%5D[stdio,any]": "a b+c[d]: the environment variable ASKED_UNSET is not set",
        "asking[stdio,any]": "asking: it needs ${input:key}, which only a person can give; make it an environment "
        "variable",
        "greedy[stdio,any]": "greedy: it refers to MATRIX_CONFIGS_KEY, the key of the store, which no server is given",
        "refused[stdio,any]": "the policy refuses refused: environment-refused: environment.LD_PRELOAD: decides what a "
        "program loads or runs; leave it out",
        "nothing[stdio,any]": "the tool filter of nothing leaves no tool",
        "old[sse,any]": "old speaks the old SSE transport, which cannot be recorded yet",
    }
    assert found["real.invocation::forgotten[stdio,any]"][1] == (
        "forgotten: its config's probes.0 calls add, which its tool filter excludes"
    )


def test_a_server_that_is_not_there_is_nobodys_fault_but_its_own(asked: Asked) -> None:
    away = asked.cells("honest::real.discovery::away")["honest::real.discovery::away[http,any]"]
    dead = asked.cells("honest::real.discovery::dead")["honest::real.discovery::dead[stdio,any]"]
    itself = "the control is errored here: the server itself:"
    assert away == ("errored", f"{itself} away cannot be reached (ConnectError)")
    assert dead[0] == "errored"
    assert dead[1].startswith(f"{itself} dead ended with exit code 2 before it said anything: ")
    assert asked.code == OUR_FAULT
    blamed = {each.cell.id: each.blamed_on for each in asked.matrix.outcomes}
    for cell in ("real.discovery::away[http,any]", "real.discovery::dead[stdio,any]"):
        assert blamed[f"control::{cell}"] is Blame.SERVER
        assert blamed[f"honest::{cell}"] is Blame.CONTROL
    assert f"errored (the server's fault) control real.discovery (core) on away[http,any]\n  {away[1]}" in asked.printed
    assert f"errored honest::real.discovery::away[http,any]: {away[1]}" in asked.printed


def test_no_secret_is_in_anything_that_is_written_or_printed(asked: Asked) -> None:
    all_of_it = asked.desk.written() + asked.printed
    for secret in (TOKEN, json.dumps(TOKEN)[1:-1], repr(TOKEN)[1:-1], KEY, LONG[:8], LONG[-8:]):
        assert secret not in all_of_it
    assert f"the token is '{MASK}'" in str(asked.evidence("honest::real.invocation::web[http,any]")["model"])
    assert f"serving with {MASK}" in str(asked.evidence("honest::real.invocation::mine[stdio,any]")["server"])
    wrong = asked.cells("control::real.invocation::wrong")["control::real.invocation::wrong[stdio,any]"][1]
    assert f"whoami answered \"the token is '{MASK}\", which does not hold 'something else'" in wrong


def test_the_agent_is_given_neither_the_servers_secrets_nor_the_stores_key(asked: Asked) -> None:
    answer = asked.evidence("stray::real.discovery::mine[stdio,any]")["agent"][-1]["answer"]
    assert MASK not in answer
    assert '"env": {}' in answer
    assert answer.endswith(" None")
    headers = [each["headers"] for each in asked.evidence("stray::real.discovery::web[http,any]")["server"]["http"]]
    assert headers
    assert not [each for each in headers if "x-api-key" in each]


def test_the_results_say_which_configs_were_asked_about_and_how_to_ask_again(asked: Asked) -> None:
    header = asked.matrix.header.configs
    assert header is not None
    assert header.url == asked.desk.url
    assert set(header.servers) >= {"mine", "web"}
    lines = (asked.desk.folder / "out" / "matrix.jsonl").read_text(encoding="utf-8").splitlines()
    for line in map(json.loads, lines):
        jsonschema.validate(line, schema())
    cell = "honest::real.discovery::mine[stdio,any]"
    store = ("--configs", asked.desk.url, "--configs-policy", "policy.toml")
    (found,) = (each for each in asked.matrix.outcomes if each.cell.id == cell)
    at = found.command.index("run")
    where = ("--directory", str(asked.desk.folder))
    assert found.command[at:] == ("run", *where, *store, "--cell", cell)
    assert portable(found.command) == ("python", "-m", "matrix", "run", *store, "--cell", cell)


def test_filters_work_on_the_servers_of_the_store_and_a_name_that_is_none_is_refused(desk: Desk) -> None:
    desk.keep(desk.stdio("mine", ["honest"]), desk.stdio("other", ["honest"]))
    with pytest.raises(UsageError, match=r"no server is called 'mien'; did you mean mine\?; see `.* configs list`"):
        desk.run(servers=("mien",))
    with pytest.raises(UsageError, match=r"no capability is called 'invoke\.round-trip'"):
        desk.run(capabilities=("invoke.round-trip",))


def test_where_no_agent_has_a_server_the_run_is_refused(desk: Desk) -> None:
    desk.keep(desk.stdio("mine", ["nobody"]))
    with pytest.raises(UsageError, match=r"has no enabled server for forger, honest, library, mute, stray; `"):
        desk.run()


def test_a_store_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError, match="there is no database"):
        desk.run()
