"""The reader: each dialect as people really write it, what cannot be read, and the way back into a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matrix.configs.model import InvalidConfig, ServerConfig
from matrix.configs.reader import Reading, losses, read_configs, read_file, write_configs
from matrix.configs.secrets import Sealer, new_key, secrets_of
from matrix.errors import ConfigurationError, UsageError


def _read(document: Any, file: str = "mcp.json") -> Reading:
    return read_configs(document if isinstance(document, str) else json.dumps(document), file)


def _one(document: Any, file: str = "mcp.json") -> ServerConfig:
    reading = _read(document, file)
    assert reading.problems == ()
    assert len(reading.configs) == 1
    return reading.configs[0]


def _servers(entry: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"mcpServers": {"server": dict(entry)}, **more}


def test_claude_desktop_is_read() -> None:
    reading = _read("""{
      "mcpServers": {
        "filesystem": {
          "command": "npx",
          "args": ["-y", "@modelcontextprotocol/server-filesystem", "/home/u/files"],
          "env": {"API_KEY": "${API_KEY}"}
        },
        "git": {"command": "uvx", "args": ["mcp-server-git"], "cwd": "/srv/git"}
      }
    }""")
    assert reading.dialect == "mcpServers"
    assert reading.problems == ()
    files, git = reading.configs
    assert files.command == ["npx", "-y", "@modelcontextprotocol/server-filesystem", "/home/u/files"]
    assert files.environment == {"API_KEY": "${API_KEY}"}
    assert (files.server_type, files.enabled, files.timeout) == ("stdio", True, 30_000)
    assert git.cwd == "/srv/git"


def test_a_file_without_agents_is_for_nobody_and_says_so() -> None:
    reading = _read({"mcpServers": {f"s{number}": {"command": "x"} for number in range(7)}})
    assert all(config.agents == [] for config in reading.configs)
    assert reading.notes == ("no agents are named, so nobody has 's0', 's1', 's2', 's3', 's4' and 2 more",)


@pytest.mark.parametrize(
    ("kind", "server_type", "transport"),
    [
        ("stdio", "stdio", None),
        ("local", "stdio", None),
        ("http", "http", None),
        ("streamable-http", "http", None),
        ("streamableHttp", "http", None),
        ("streamable_http", "http", None),
        ("remote", "http", None),
        ("sse", "http", "sse"),
        ("SSE", "http", "sse"),
    ],
)
def test_every_name_of_a_transport_is_understood(kind: str, server_type: str, transport: str | None) -> None:
    reached = {"command": "x"} if server_type == "stdio" else {"url": "https://x.example/mcp"}
    config = _one(_servers({"type": kind, **reached}))
    assert (config.server_type, config.transport) == (server_type, transport)


def test_a_url_without_a_type_is_http_and_that_is_noted() -> None:
    reading = _read({"mcpServers": {"a": {"url": "https://x.example/sse", "headers": {"X-Key": "${KEY}"}}}})
    assert reading.configs[0].transport is None
    assert reading.configs[0].headers == {"X-Key": "${KEY}"}
    assert reading.notes[:2] == (
        "'a': its url has no type; it was read as http, which some clients take for SSE",
        "'a': its url ends in /sse, but has no type; it was read as http",
    )


def test_windsurf_calls_it_server_url() -> None:
    assert _one(_servers({"serverUrl": "https://x.example/mcp"})).url == "https://x.example/mcp"


def test_gemini_has_two_urls_milliseconds_tools_and_bare_variables() -> None:
    reading = _read(
        {
            "mcpServers": {
                "stream": {
                    "httpUrl": "https://x.example/mcp",
                    "headers": {"Authorization": "Bearer $TOKEN"},
                    "timeout": 5000,
                    "trust": True,
                    "includeTools": ["read"],
                    "excludeTools": ["write"],
                    "description": "reads",
                },
                "events": {"url": "https://x.example/events"},
                "shut": {"command": "x"},
            },
            "mcp": {"excluded": ["shut"]},
        },
        ".gemini/settings.json",
    )
    stream, events, shut = reading.configs
    assert reading.dialect == "gemini"
    assert (stream.transport, stream.timeout, stream.description) == (None, 5000, "reads")
    assert stream.headers == {"Authorization": "Bearer ${TOKEN}"}
    assert stream.tools is not None
    assert [stream.tools.allows(tool) for tool in ("read", "write", "other")] == [True, False, False]
    assert stream.model_extra == {"trust": True}
    assert events.transport == "sse"
    assert not shut.enabled
    assert any("mcp.excluded" in note for note in reading.notes)


def test_cline_counts_seconds_and_keeps_what_is_allowed_without_asking() -> None:
    document = _servers({"command": "node", "timeout": 60, "alwaysAllow": ["a"], "disabled": True})
    config = _one(document, "cline_mcp_settings.json")
    assert (config.timeout, config.enabled, config.tools) == (60_000, False, None)
    assert config.model_extra == {"alwaysAllow": ["a"]}
    assert _one(_servers({"url": "https://x.example"}), "cline_mcp_settings.json").transport == "sse"
    assert _one(_servers({"url": "https://x.example", "type": "streamableHttp"})).transport is None


def test_a_timeout_whose_unit_nobody_knows_is_kept_and_not_applied() -> None:
    reading = _read(_servers({"command": "x", "timeout": 60, "autoApprove": ["a"]}))
    assert reading.configs[0].timeout == 30_000
    assert reading.configs[0].model_extra == {"untranslated": {"timeout": 60}, "autoApprove": ["a"]}
    assert any("seconds or milliseconds" in note for note in reading.notes)
    assert _one(_servers({"command": "x", "timeout": 6000}), ".mcp.json").timeout == 6000


def test_tools_that_a_client_allows_are_the_only_ones() -> None:
    for entry in ({"tools": ["a"]}, {"allowedTools": ["a"]}, {"includeTools": ["a"]}):
        tools = _one(_servers({"command": "x", **entry})).tools
        assert tools is not None
        assert (tools.include, tools.exclude) == (["a"], [])
    everything = _one(_servers({"type": "local", "command": "x", "tools": ["*"]})).tools
    assert everything is not None
    assert everything.allows("anything")


def test_vs_code_servers_and_inputs_are_read() -> None:
    text = """{
      // asked once, kept by the editor
      "inputs": [{"id": "key", "type": "promptString", "description": "Key", "password": true}],
      "servers": {
        "perplexity": {"type": "stdio", "command": "npx", "args": ["-y", "p"], "env": {"KEY": "${input:key}"},
                       "envFile": "${workspaceFolder}/.env"},
        "remote": {"type": "http", "url": "https://x.example/mcp", "headers": {"X": "${input:other}"}},
      },
    }"""
    reading = _read(text, ".vscode/mcp.json")
    assert reading.dialect == "vscode"
    assert [each["id"] for each in reading.inputs] == ["key"]
    assert reading.configs[0].environment == {"KEY": "${input:key}"}
    assert reading.configs[0].model_extra == {"envFile": "${workspaceFolder}/.env"}
    assert "referred to, but not among the inputs: 'other'" in reading.notes


def test_vs_code_settings_hold_them_one_level_deeper() -> None:
    settings_json = {"editor.tabSize": 2, "mcp": {"inputs": [], "servers": {"a": {"command": "x", "args": ["1"]}}}}
    assert _one(settings_json, "settings.json").command == ["x", "1"]
    assert _read(settings_json).dialect == "vscode"


def test_an_input_without_an_id_is_a_problem() -> None:
    assert _read({"servers": {"a": {"command": "x"}}, "inputs": [{}]}).problems == ("inputs.0: has no id",)


def test_zed_is_read_in_both_its_forms() -> None:
    reading = _read(
        {
            "theme": "One",
            "context_servers": {
                "new": {"source": "custom", "command": "x", "args": ["1"], "env": {"A": "1"}},
                "old": {"command": {"path": "x", "args": ["2"], "env": {"B": "2"}}, "settings": {}},
                "extension": {"source": "extension", "enabled": True, "settings": {}},
            },
        }
    )
    assert reading.dialect == "zed"
    assert [config.command for config in reading.configs] == [["x", "1"], ["x", "2"]]
    assert [config.environment for config in reading.configs] == [{"A": "1"}, {"B": "2"}]
    (problem,) = reading.problems
    assert "'extension': comes with an extension of the editor" in problem


def test_opencode_is_read() -> None:
    reading = _read(
        {
            "$schema": "https://opencode.ai/config.json",
            "mcp": {
                "local": {
                    "type": "local",
                    "command": ["bun", "x", "server"],
                    "environment": {"KEY": "{env:KEY}"},
                    "enabled": False,
                    "timeout": 5000,
                },
                "remote": {"type": "remote", "url": "https://x.example", "headers": {"A": "Bearer {env:TOKEN}"}},
            },
        }
    )
    local, remote = reading.configs
    assert reading.dialect == "opencode"
    assert (local.command, local.timeout, local.enabled) == (["bun", "x", "server"], 5000, False)
    assert local.environment == {"KEY": "${env:KEY}"}
    assert remote.headers == {"A": "Bearer ${env:TOKEN}"}


def test_continue_writes_a_list_and_its_own_references() -> None:
    reading = _read(
        {
            "mcpServers": [
                {"name": "My server", "command": "uvx", "args": ["s"], "env": {"KEY": "${{ secrets.KEY }}"}},
                {
                    "name": "remote",
                    "type": "streamable-http",
                    "url": "https://x.example",
                    "requestOptions": {"headers": {"A": "b"}},
                },
                {"command": "x"},
            ]
        }
    )
    assert reading.dialect == "continue"
    assert reading.configs[0].name == "My server"
    assert reading.configs[0].environment == {"KEY": "${secrets.KEY}"}
    assert reading.configs[1].headers == {"A": "b"}
    assert reading.problems == ("the server 'number 3': name: is missing",)


def test_codex_toml_is_read() -> None:
    reading = _read(
        """
        model = "gpt"
        [mcp_servers.local]
        command = "npx"
        args = ["-y", "server"]
        env = { "A" = "1" }
        env_vars = ["TOKEN"]
        startup_timeout_sec = 20
        tool_timeout_sec = 1.5
        enabled_tools = ["read"]
        disabled_tools = ["write"]
        enabled = false
        [mcp_servers.remote]
        url = "https://x.example/mcp"
        bearer_token_env_var = "TOKEN"
        http_headers = { "X-A" = "1" }
        env_http_headers = { "X-Key" = "KEY" }
        """,
        "config.toml",
    )
    local, remote = reading.configs
    assert reading.dialect == "codex"
    assert local.environment == {"A": "1", "TOKEN": "${TOKEN}"}
    assert (local.timeout, local.enabled) == (1500, False)
    assert local.tools is not None
    assert (local.tools.include, local.tools.exclude) == (["read"], ["write"])
    assert local.model_extra == {"startup_timeout_sec": 20}
    assert remote.headers == {"Authorization": "Bearer ${TOKEN}", "X-A": "1", "X-Key": "${KEY}"}


def test_servers_without_a_key_around_them_are_read_and_that_is_noted() -> None:
    reading = _read({"a": {"command": "x"}, "b": {"type": "http", "url": "https://x.example"}})
    assert [config.name for config in reading.configs] == ["a", "b"]
    assert "without a key around them" in reading.notes[0]


def test_projects_that_are_not_read_are_mentioned() -> None:
    document = _servers({"command": "x"}, projects={"/srv/a": {"mcpServers": {"b": {"command": "y"}}}, "/srv/b": {}})
    reading = _read(document, ".claude.json")
    assert "the servers of 1 projects (under `projects`) were not read" in reading.notes[0]


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
    config = _one(SERVER_JSON, "server.json")
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
    assert _one(document, "server.json").command == command


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
    config = _one({"name": "x/w", "remotes": [remote]}, "server.json")
    assert (config.url, config.transport) == ("https://${tenant}.x.example/prod", "sse")
    assert config.headers == {"Authorization": "Bearer ${token}"}


def test_the_first_way_that_can_be_started_counts_and_the_others_are_named() -> None:
    bundle = {"registryType": "mcpb", "identifier": "https://x.example/a.mcpb", "transport": {"type": "stdio"}}
    listening = {"registryType": "npm", "identifier": "w", "transport": {"type": "streamable-http", "url": "http://x"}}
    remotes = [{"type": "streamable-http", "url": "https://a.example"}, {"type": "sse", "url": "https://b.example"}]
    reading = _read({"name": "x/w", "packages": [bundle, listening], "remotes": remotes})
    assert reading.configs[0].url == "https://a.example"
    assert [note.split(": ", 1)[1] for note in reading.notes[:3]] == [
        "the mcpb package https://x.example/a.mcpb is of a kind that has no one command to start it",
        "the npm package w starts an HTTP server of its own, which nobody here would start",
        "the remote https://a.example was taken; kept under `registry`: the remote https://b.example",
    ]
    (problem,) = _read({"name": "x/w", "packages": [bundle]}).problems
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
    reading = _read({"servers": [{"server": SERVER_JSON, "_meta": {}}, {"server": old}, {"server": 5}], "metadata": {}})
    assert [config.name for config in reading.configs] == ["io.github.example/weather", "x/old"]
    assert reading.configs[1].environment == {"A_KEY": "${A_KEY}"}
    assert reading.configs[1].command == ["uvx", "w@1"]
    assert len(reading.problems) == 1


PLATFORM_CONFIG: dict[str, Any] = {
    "name": "linear",
    "server_type": "stdio",
    "command": ["python", "-m", "linear_mcp"],
    "agents": ["genie", "simple"],
    "tools": {"include": ["*"], "exclude": ["delete_*"]},
    "environment": {"LINEAR_API_KEY": "${LINEAR_API_KEY}"},
    "timeout": 30000,
    "retry_count": 3,
    "enabled": True,
    "auto_start": True,
}


def test_the_platforms_configs_are_read_alone_in_a_list_and_under_their_key() -> None:
    for document in (PLATFORM_CONFIG, [PLATFORM_CONFIG], {"configs": [PLATFORM_CONFIG]}):
        reading = _read(document)
        assert reading.dialect == "configs"
        assert reading.notes == reading.problems == ()
        assert reading.configs[0].to_json() == {**PLATFORM_CONFIG, "priority": 0}


def test_legacy_rows_are_read_with_their_environment_and_nobody_is_added() -> None:
    rows = [
        {
            "id": 7,
            "name": "linear",
            "server_type": "http",
            "http_url": "https://x.example/mcp",
            "env": {"KEY": "${KEY}"},
            "timeout_seconds": 45,
            "max_retries": 5,
            "status": "running",
            "agents": ["simple"],
        },
        {"name": "git", "server_type": "stdio", "command": '["uvx", "mcp-server-git"]', "env": "{}", "enabled": 0},
    ]
    for document in (rows, {"mcp_servers": rows}):
        reading = _read(document)
        linear, git = reading.configs
        assert reading.dialect == "legacy"
        assert (linear.url, linear.timeout, linear.retry_count) == ("https://x.example/mcp", 45_000, 5)
        assert linear.environment == {"KEY": "${KEY}"}
        assert linear.agents == ["simple"]
        assert linear.legacy == {"id": 7, "status": "running", "assignments": [{"agent": "simple"}]}
        assert (git.command, git.agents, git.enabled) == (["uvx", "mcp-server-git"], [], False)
        assert "no agents are named, so nobody has 'git'" in reading.notes


def test_what_an_export_holds_besides_its_rows_is_mentioned() -> None:
    reading = _read({"mcp_servers": [], "agent_mcp_servers": [{"agent_id": 1}]})
    assert reading.notes == ("not read: agent_mcp_servers", "there are no servers in it")


def test_a_legacy_row_that_would_widen_access_is_a_problem() -> None:
    row = {"name": "a", "server_type": "stdio", "command": ["x"], "env": {}, "agents": ["*"]}
    (problem,) = _read([row]).problems
    assert "would mean everyone" in problem
    (problem,) = _read([{**row, "agents": "*"}]).problems
    assert "agents: is no list" in problem


def test_the_platforms_older_file_carries_agents_tools_and_milliseconds() -> None:
    reading = _read(_servers({"command": "x", "agents": ["genie"], "tools": {"include": ["a*"]}, "timeout": 5000}))
    config = reading.configs[0]
    assert reading.dialect == "platform"
    assert (config.agents, config.timeout) == (["genie"], 5000)
    assert config.tools is not None
    assert config.tools.allows("abc")
    assert _one(_servers({"command": "x", "agents": "*"})).agents == ["*"]


def test_references_are_kept_as_they_are() -> None:
    references = ["${A}", "${env:A}", "${A:-b}", "${workspaceFolder}/x", "${input:a}", "${sealed:abc=}"]
    config = _one(_servers({"command": "x", "args": references, "env": {"A": "${A:-b}"}}))
    assert config.command == ["x", *references]
    assert config.environment == {"A": "${A:-b}"}


@pytest.mark.parametrize("name", ["My Server", "io.github.x/y", "a.b", "Ünïcode 🎉", "a'b", "${x}", "__proto__"])
def test_any_name_is_kept(name: str) -> None:
    assert _one({"mcpServers": {name: {"command": "x"}}}).name == name


def test_unknown_keys_are_kept_even_those_that_models_have_as_methods() -> None:
    strange = {"copy": 1, "json": 2, "model_dump": 3, "model_config": 4, "to_json": 5, "read": 6, "_x": 7, "légende": 8}
    config = _one(_servers({"command": "x", **strange}))
    assert {key: config.to_json()[key] for key in strange} == strange


def test_numbers_and_switches_in_an_environment_become_texts_and_null_is_left_out() -> None:
    reading = _read(_servers({"command": "x", "args": ["--port", 80], "env": {"A": 1, "B": True, "C": None, "D": "d"}}))
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
    reading = _read({"mcpServers": {"bad": entry, "good": {"command": "x"}}})
    assert [config.name for config in reading.configs] == ["good"]
    (problem,) = reading.problems
    assert problem.startswith("the server 'bad': ")
    assert says in problem
    assert "\n" not in problem


def test_every_problem_is_collected() -> None:
    reading = _read({"mcpServers": {"a": {}, "b": 5, "c": {"command": "x"}, "d": {"type": "ws", "url": "ws://x"}}})
    assert [problem.split("'")[1] for problem in reading.problems] == ["a", "b", "d"]


def test_two_servers_of_one_name_are_a_problem() -> None:
    reading = _read({"configs": [PLATFORM_CONFIG, PLATFORM_CONFIG]})
    assert reading.problems == ("the server 'linear' is there twice; keep one",)


def test_comments_trailing_commas_and_a_byte_order_mark_are_understood() -> None:
    text = '\ufeff// one\n{"mcpServers": {/* "a": {}, */ "b": '
    text += '{"command": "x // no, \\" comment /*", "args": [",]", ], }, },}\n'
    config = _one(text)
    assert (config.name, config.command) == ("b", ['x // no, " comment /*', ",]"])


def test_json5_is_understood() -> None:
    assert _one("{mcpServers: {a: {command: 'x', args: ['a\\\nb', ],},},}").command == ["x", "ab"]


def test_a_large_file_with_comments_is_read() -> None:
    entries = {f"s{number}": {"command": "x", "env": {"A": "b" * 40}} for number in range(2000)}
    assert len(_read("// many\n" + json.dumps({"mcpServers": entries}, indent=1)).configs) == 2000


BAD_FILES: list[tuple[str, str]] = [
    ("", "is empty"),
    (" \n\t", "is empty"),
    ("\ufeff", "is empty"),
    ("hello", "line 1: is no valid JSON"),
    ("<xml/>", "line 1: is no valid JSON"),
    ('{"mcpServers": {"a": {"command": "x"}}', "is no valid JSON"),
    ('{"mcpServers":\n {"a": \n{"command": x y}}}', "line 3: is no valid JSON"),
    ('{"mcpServers": {"a": {"command": "x\n', "is no valid JSON"),
    ("/* " + "{" * 100, "is no valid JSON"),
    ("/*" * 100_000, "is no valid JSON"),
    ('"' + '\\"' * 200_000, "is no valid JSON"),
    (json.dumps({"mcpServers": {}}) + "}", "is no valid JSON"),
    ('{"mcpServers": {"a": {}, "a": {}}}', "has the key 'a' twice"),
    ('{"mcpServers": {}, "mcpServers": {}}', "has the key 'mcpServers' twice"),
    ("{mcpServers: {a: {command: 'x', command: 'y'}}}", "has the key 'command' twice"),
    ("[" * 100_000, "nests too deeply"),
    ('{"a":' * 100_000, "nests too deeply"),
    ("[" * 100_000 + "]" * 100_000, "nests too deeply"),
    ('{"mcpServers":' + "[" * 500 + "]" * 500 + "}", "nests too deeply"),
    ('{"mcpServers": ' + "9" * 5000 + "}", "too many digits"),
    ("null", "holds no MCP servers"),
    ("5", "holds no MCP servers"),
    ('"mcpServers"', "holds no MCP servers"),
    ("true", "holds no MCP servers"),
    ("NaN", "holds no MCP servers"),
    ("{}", "it has no keys"),
    ('{"mcpServers": null}', "its keys are 'mcpServers'"),
    ('{"mcpServers": 5}', "its keys are 'mcpServers'"),
    ('{"servers": "x"}', "its keys are 'servers'"),
    ('{"name": "x"}', "its keys are 'name'"),
    ('{"mcpServers": {}, "servers": {}}', "could be a file of mcpServers and of vscode"),
    ('{"mcpServers": {}, "context_servers": {}}', "could be a file of mcpServers and of zed"),
    ("\x00\x01\x02", "is no valid JSON"),
    ("{'a'", "is no valid JSON"),
]


@pytest.mark.parametrize(("text", "says"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_file_that_cannot_be_read_is_one_sentence_with_its_name(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_configs(text, "bad.json")
    assert str(error.value).startswith("bad.json: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[mcp_servers", "is no valid TOML"),
        ('[mcp_servers.a]\ncommand = "x"\ncommand = "y"', "is no valid TOML"),
        ("a = 1", "holds no MCP servers"),
        ("a = " + "[" * 100_000, "nests too deeply"),
    ],
)
def test_toml_that_cannot_be_read_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_configs(text, "bad.toml")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_error_shows_nothing_of_the_files_content() -> None:
    with pytest.raises(ConfigurationError) as error:
        read_configs('{"mcpServers": {"a": {"env": {"API_KEY": "sk-live-0123456789" }}} oops', "bad.json")
    assert "sk-live" not in str(error.value)
    for bad in ({"env": {"API_KEY": ["sk-live-0123456789"]}}, {"url": 5, "headers": "sk-live-0123456789"}):
        assert "sk-live" not in repr(_read(_servers(bad)).problems)


def test_files_are_read_from_disk_whatever_their_byte_order_mark(tmp_path: Path) -> None:
    text = json.dumps(_servers({"command": "ü"}), ensure_ascii=False)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file = tmp_path / f"{encoding}.json"
        file.write_text(text, encoding=encoding)
        assert read_file(file).configs[0].command == ["ü"]
        assert read_file(str(file)).dialect == "mcpServers"


def test_what_is_no_readable_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    for name, says in (
        ("none.json", "cannot be read: No such file"),
        (".", "is no file"),
        ("binary.json", "is no UTF-8 text"),
        ("none.json/x", "cannot be read"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            read_file(tmp_path / name)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(ConfigurationError, match="larger than 64 MiB"):
        read_file(tmp_path / "huge.json")


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
    lambda name: name == name.strip()
)
TEXTS = st.dictionaries(NAMES, WORDS, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | WORDS,
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@st.composite
def configs(draw: st.DrawFn) -> ServerConfig:
    fields: dict[str, Any] = {"name": draw(NAMES), "environment": draw(TEXTS), "headers": draw(TEXTS)}
    if draw(st.booleans()):
        program = draw(NAMES)
        fields |= {"server_type": "stdio", "command": [program, *draw(st.lists(WORDS, max_size=3))]}
    else:
        transport = draw(st.sampled_from([None, "http", "sse"]))
        fields |= {"server_type": "http", "url": "https://" + draw(NAMES), "transport": transport}
    fields |= {
        "agents": draw(st.lists(NAMES, max_size=2)),
        "tools": draw(st.none() | st.builds(dict, include=st.none() | st.lists(st.just("a*")), exclude=st.just(["b"]))),
        "timeout": draw(st.integers(0, 10**6)),
        "retry_count": draw(st.integers(0, 20)),
        "enabled": draw(st.booleans()),
        "auto_start": draw(st.booleans()),
        "priority": draw(st.integers(-5, 5)),
        "tags": draw(st.lists(JSON, max_size=2)),
        "description": draw(st.none() | WORDS),
        "x-unknown": draw(JSON),
    }
    config = ServerConfig.read(fields)
    assume(not secrets_of(config.to_json()))
    return config


SERVERS = st.lists(configs(), max_size=3, unique_by=lambda config: config.name)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(SERVERS)
def test_our_own_form_written_and_read_is_the_same(found: list[ServerConfig]) -> None:
    reading = read_configs(write_configs(found, "configs"))
    assert reading.problems == ()
    assert [config.to_json() for config in reading.configs] == [config.to_json() for config in found]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(SERVERS, st.sampled_from(["mcpServers", "vscode"]))
def test_what_clients_read_keeps_how_a_server_is_started_or_reached(found: list[ServerConfig], dialect: str) -> None:
    reading = read_configs(write_configs(found, dialect))
    assert reading.problems == ()
    for before, after in zip(found, reading.configs, strict=True):
        for field in ("name", "server_type", "command", "url", "environment", "headers", "enabled", "description"):
            assert getattr(before, field) == getattr(after, field)
        assert (before.transport == "sse") == (after.transport == "sse")


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.recursive(
        JSON,
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["mcpServers", "servers", "mcp", "configs", "name", "command", "url", "type", "packages", "env", "a"]
            ),
            inner,
            max_size=4,
        ),
        max_leaves=12,
    )
)
def test_no_document_makes_the_reader_fail_otherwise_than_by_a_sentence(document: Any) -> None:
    with suppress(ConfigurationError):
        reading = _read(document)
        assert all(sentence.isprintable() for sentence in (*reading.problems, *reading.notes))


def test_vs_code_gets_an_input_for_each_reference_to_one() -> None:
    config = ServerConfig.read(
        {"name": "a", "server_type": "stdio", "command": ["x", "${input:b}"], "environment": {"K": "${input:a}"}}
    )
    written = json.loads(write_configs([config], "vscode"))
    assert written["inputs"] == [
        {"id": "a", "type": "promptString", "description": "a", "password": True},
        {"id": "b", "type": "promptString", "description": "b", "password": True},
    ]
    assert written["servers"]["a"]["type"] == "stdio"


def test_a_secret_in_clear_is_never_written_and_a_sealed_one_stays_sealed() -> None:
    secret = "sk-live-0123456789abcdef"
    sealed = Sealer(new_key()).seal(secret)
    config = ServerConfig.read(
        {
            **PLATFORM_CONFIG,
            "command": ["x", "--api-key", secret, f"--token={secret}"],
            "environment": {"API_KEY": secret, "SEALED_KEY": sealed, "REFERENCE_KEY": "${KEY}"},
            "headers": {"Authorization": f"Bearer {secret}"},
            "x-unknown": {"password": secret},
        }
    )
    for dialect in ("configs", "mcpServers", "vscode"):
        text = write_configs([config], dialect)
        assert secret not in text
        assert sealed in text
        assert "${KEY}" in text
        said = losses([config], dialect)
        assert not any(secret in note for note in said)
        assert any("environment.API_KEY is a secret in clear" in note for note in said)
        assert any("sealed secrets" in note for note in said)
    assert any("no word for agents, tools" in note for note in losses([config], "mcpServers"))
    assert not any("no word for" in note for note in losses([config], "configs"))


def test_a_timeout_that_was_not_understood_is_written_back_as_it_was() -> None:
    config = _one(_servers({"command": "x", "timeout": 60, "autoApprove": ["a"], "disabled": True}))
    written = json.loads(write_configs([config], "mcpServers"))
    assert written == _servers({"command": "x", "args": [], "disabled": True, "timeout": 60, "autoApprove": ["a"]})


def test_another_dialect_and_two_servers_of_one_name_cannot_be_written() -> None:
    config = ServerConfig.read(PLATFORM_CONFIG)
    with pytest.raises(UsageError, match="write one of configs, mcpServers, vscode"):
        write_configs([config], "yaml")
    with pytest.raises(UsageError, match="two servers are called 'linear'"):
        write_configs([config, config], "configs")


def test_an_invalid_config_says_which_server_it_was() -> None:
    with pytest.raises(InvalidConfig, match="'linear': agents"):
        ServerConfig.read({**PLATFORM_CONFIG, "agents": [5]})
