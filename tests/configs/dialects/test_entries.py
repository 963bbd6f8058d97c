"""One server in a file of any dialect: what is kept, what is translated, and what cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.configs.configs_samples import PLATFORM_CONFIG
from tests.configs.dialects.reading import one, read, servers


def test_references_are_kept_as_they_are() -> None:
    references = ["${A}", "${env:A}", "${A:-b}", "${workspaceFolder}/x", "${input:a}", "${sealed:abc=}"]
    config = one(servers({"command": "x", "args": references, "env": {"A": "${A:-b}"}}))
    assert config.command == ["x", *references]
    assert config.environment == {"A": "${A:-b}"}


@pytest.mark.parametrize("name", ["My Server", "io.github.x/y", "a.b", "Ünïcode 🎉", "a'b", "${x}", "__proto__"])
def test_any_name_is_kept(name: str) -> None:
    assert one({"mcpServers": {name: {"command": "x"}}}).name == name


def test_unknown_keys_are_kept_even_those_that_models_have_as_methods() -> None:
    strange = {"copy": 1, "json": 2, "model_dump": 3, "model_config": 4, "to_json": 5, "read": 6, "_x": 7, "légende": 8}
    config = one(servers({"command": "x", **strange}))
    assert {key: config.to_json()[key] for key in strange} == strange


def test_numbers_and_switches_in_an_environment_become_texts_and_null_is_left_out() -> None:
    reading = read(servers({"command": "x", "args": ["--port", 80], "env": {"A": 1, "B": True, "C": None, "D": "d"}}))
    assert reading.configs[0].environment == {"A": "1", "B": "true", "D": "d"}
    assert reading.configs[0].command == ["x", "--port", "80"]
    assert len([note for note in reading.notes if "env." in note or "args." in note]) == 4


BAD_ENTRIES: list[tuple[Any, str]] = [
    (5, "is no object"),
    (None, "is no object"),
    ([], "is no object"),
    ({}, "has neither a command nor a url"),
    ({"command": ""}, "command: has an empty program"),
    ({"command": 5}, "command: is no text"),
    ({"command": []}, "has neither a command nor a url"),
    ({"args": ["x"]}, "args: stand there without a command"),
    ({"command": "x", "args": "y"}, "args: is no list"),
    ({"command": "x", "args": [["y"]]}, "args.0: is no text"),
    ({"command": "x", "env": ["A=b"]}, "env: is no object"),
    ({"command": "x", "env": {"A": {"b": 1}}}, "env.A: is no text"),
    ({"command": "x", "env": {"A": "1"}, "environment": {"A": "2"}}, "env and environment: say different things"),
    ({"command": "x", "type": "carrier-pigeon"}, "type: is a transport that we do not know"),
    ({"command": "x", "type": 5}, "type: is no text"),
    ({"command": "x", "type": "stdio", "transport": "sse"}, "type: is said twice, as sse and as stdio"),
    ({"command": "x", "url": "https://x.example"}, "has both a command and a url"),
    ({"type": "stdio", "url": "https://x.example"}, "command: is missing"),
    ({"type": "http", "command": "x"}, "url: is missing"),
    ({"url": "https://a.example", "serverUrl": "https://b.example"}, "url and serverUrl: say different things"),
    ({"url": ""}, "url: is missing"),
    ({"command": "x", "disabled": "yes"}, "disabled: is neither true nor false"),
    ({"command": "x", "disabled": True, "enabled": True}, "enabled and disabled: say different things"),
    ({"command": "x", "includeTools": "a"}, "includeTools: is no list"),
    ({"command": "x", "tools": {"only": ["a"]}}, "tools.only: "),
    ({"command": "x", "allowedTools": ["a*b"]}, "has a * before its end"),
    ({"command": "x", "agents": [1]}, "agents.0: "),
    ({"command": "x", "agents": ["a"], "timeout": "30"}, "timeout: is no length of time"),
    ({"command": "x", "agents": ["a"], "timeout": -1}, "timeout: is no length of time"),
    ({"command": "x\0y"}, "NUL character"),
    ({"command": "x", "extra": "\ud800"}, "surrogate"),
    ({"command": "x", "extra": [[[[[[]]]]]] * 2, "name": "other"}, "name: is not the key"),
    ({"command": {"path": "x"}, "path": "y", "args": ["a"], "env": 5}, "env: is no object"),
]


@pytest.mark.parametrize(("entry", "says"), BAD_ENTRIES)
def test_a_server_that_cannot_be_read_is_one_sentence_and_hides_no_other(entry: Any, says: str) -> None:
    reading = read({"mcpServers": {"bad": entry, "good": {"command": "x"}}})
    assert [config.name for config in reading.configs] == ["good"]
    (problem,) = reading.problems
    assert problem.startswith("the server 'bad': ")
    assert says in problem
    assert "\n" not in problem


def test_every_problem_is_collected() -> None:
    reading = read({"mcpServers": {"a": {}, "b": 5, "c": {"command": "x"}, "d": {"type": "ws", "url": "ws://x"}}})
    assert [problem.split("'")[1] for problem in reading.problems] == ["a", "b", "d"]


def test_two_servers_of_one_name_are_a_problem() -> None:
    reading = read({"configs": [PLATFORM_CONFIG, PLATFORM_CONFIG]})
    assert reading.problems == ("the server 'linear' is there twice; keep one",)
