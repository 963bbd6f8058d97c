"""The registry's `server.json`: packages and remotes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.configs.dialects.reading import one, read

SERVER_JSON: dict[str, Any] = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "io.github.example/weather",
    "description": "The weather",
    "version": "1.2.0",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@example/weather",
            "version": "1.2.0",
            "transport": {"type": "stdio"},
            "runtimeArguments": [{"type": "named", "name": "--ignore-scripts"}],
            "packageArguments": [
                {"type": "positional", "value": "serve"},
                {"type": "named", "name": "--port", "default": "8080", "format": "number"},
                {"type": "named", "name": "--place", "isRequired": True},
                {"type": "named", "name": "--colour", "choices": ["red"]},
                {"type": "positional", "valueHint": "folder", "isRequired": True},
            ],
            "environmentVariables": [
                {"name": "API_KEY", "isRequired": True, "isSecret": True},
                {"name": "UNITS", "default": "metric"},
                {"name": "PLACE", "isRequired": True},
                {"name": "OPTIONAL", "description": "may be absent"},
                {"name": "CERTIFICATE_KEY", "isSecret": True, "value": "hunter2-in-clear"},
            ],
        }
    ],
}


def test_a_package_of_the_registry_is_a_command() -> None:
    config = one(SERVER_JSON, "server.json")
    assert config.name == "io.github.example/weather"
    assert config.command == [
        *("npx", "-y", "--ignore-scripts", "@example/weather@1.2.0", "serve"),
        *("--port", "8080", "--place", "${place}", "${folder}"),
    ]
    assert config.environment == {
        "API_KEY": "${API_KEY}",
        "UNITS": "metric",
        "PLACE": "${PLACE}",
        "CERTIFICATE_KEY": "${CERTIFICATE_KEY}",
    }
    assert config.description == "The weather"
    assert config.model_extra is not None
    assert config.model_extra["registry"]["version"] == "1.2.0"
    assert "hunter2" not in json.dumps(config.to_json())


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ({"registryType": "pypi", "identifier": "weather", "version": "1"}, ["uvx", "weather@1"]),
        ({"registryType": "npm", "identifier": "w", "runtimeHint": "bunx"}, ["bunx", "w"]),
        (
            {
                "registryType": "oci",
                "identifier": "ghcr.io/x/w:1",
                "environmentVariables": [{"name": "A", "value": "1"}],
            },
            ["docker", "run", "-i", "--rm", "-e", "A", "ghcr.io/x/w:1"],
        ),
        (
            {
                "registryType": "oci",
                "identifier": "x/w",
                "version": "2",
                "runtimeArguments": [
                    {
                        "type": "named",
                        "name": "--mount",
                        "value": "type=bind,src={from},dst={to}",
                        "variables": {"from": {"isRequired": True}, "to": {"default": "/project"}},
                    }
                ],
            },
            ["docker", "run", "-i", "--rm", "--mount", "type=bind,src=${from},dst=/project", "x/w:2"],
        ),
        (
            {
                "registryType": "nuget",
                "identifier": "Weather.Mcp",
                "version": "0.4.0-beta",
                "packageArguments": [{"type": "positional", "value": "start"}],
            },
            ["dnx", "Weather.Mcp@0.4.0-beta", "--yes", "--", "start"],
        ),
    ],
)
def test_each_kind_of_package_has_its_command(package: dict[str, Any], command: list[str]) -> None:
    document = {"name": "x/w", "packages": [{"transport": {"type": "stdio"}, **package}]}
    assert one(document, "server.json").command == command


def test_a_remote_of_the_registry_is_a_url() -> None:
    remote = {
        "type": "sse",
        "url": "https://{tenant}.x.example/{stage}",
        "variables": {"tenant": {"isRequired": True}, "stage": {"default": "prod"}},
        "headers": [
            {
                "name": "Authorization",
                "value": "Bearer {token}",
                "isSecret": True,
                "variables": {"token": {"isSecret": True}},
            }
        ],
    }
    config = one({"name": "x/w", "remotes": [remote]}, "server.json")
    assert (config.url, config.transport) == ("https://${tenant}.x.example/prod", "sse")
    assert config.headers == {"Authorization": "Bearer ${token}"}


def test_the_first_way_that_can_be_started_counts_and_the_others_are_named() -> None:
    bundle = {"registryType": "mcpb", "identifier": "https://x.example/a.mcpb", "transport": {"type": "stdio"}}
    listening = {"registryType": "npm", "identifier": "w", "transport": {"type": "streamable-http", "url": "http://x"}}
    remotes = [{"type": "streamable-http", "url": "https://a.example"}, {"type": "sse", "url": "https://b.example"}]
    reading = read({"name": "x/w", "packages": [bundle, listening], "remotes": remotes})
    assert reading.configs[0].url == "https://a.example"
    assert [note.split(": ", 1)[1] for note in reading.notes[:3]] == [
        "the mcpb package https://x.example/a.mcpb is of a kind that has no one command to start it",
        "the npm package w starts an HTTP server of its own, which nobody here would start",
        "the remote https://a.example was taken; kept under `registry`: the remote https://b.example",
    ]
    (problem,) = read({"name": "x/w", "packages": [bundle]}).problems
    assert "mcpb package" in problem


def test_the_older_schema_and_the_answer_of_the_registry_are_read() -> None:
    old = {
        "name": "x/old",
        "packages": [
            {
                "registry_type": "pypi",
                "identifier": "w",
                "version": "1",
                "runtime_hint": "uvx",
                "environment_variables": [{"name": "A_KEY", "is_required": True, "is_secret": True}],
            }
        ],
    }
    reading = read({"servers": [{"server": SERVER_JSON, "_meta": {}}, {"server": old}, {"server": 5}], "metadata": {}})
    assert [config.name for config in reading.configs] == ["io.github.example/weather", "x/old"]
    assert reading.configs[1].environment == {"A_KEY": "${A_KEY}"}
    assert reading.configs[1].command == ["uvx", "w@1"]
    assert len(reading.problems) == 1
