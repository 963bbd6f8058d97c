"""The platform's own forms: configs, rows of the legacy tables, and its older file."""

from __future__ import annotations

import pytest

from matrix.configs.model import InvalidConfig, ServerConfig
from tests.configs.configs_samples import PLATFORM_CONFIG
from tests.configs.dialects.reading import one, read, servers


def test_the_platforms_configs_are_read_alone_in_a_list_and_under_their_key() -> None:
    for document in (PLATFORM_CONFIG, [PLATFORM_CONFIG], {"configs": [PLATFORM_CONFIG]}):
        reading = read(document)
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
        reading = read(document)
        linear, git = reading.configs
        assert reading.dialect == "legacy"
        assert (linear.url, linear.timeout, linear.retry_count) == ("https://x.example/mcp", 45_000, 5)
        assert linear.environment == {"KEY": "${KEY}"}
        assert linear.agents == ["simple"]
        assert linear.legacy == {"id": 7, "status": "running", "assignments": [{"agent": "simple"}]}
        assert (git.command, git.agents, git.enabled) == (["uvx", "mcp-server-git"], [], False)
        assert "no agents are named, so nobody has 'git'" in reading.notes


def test_what_an_export_holds_besides_its_rows_is_mentioned() -> None:
    reading = read({"mcp_servers": [], "agent_mcp_servers": [{"agent_id": 1}]})
    assert reading.notes == ("not read: agent_mcp_servers", "there are no servers in it")


def test_a_legacy_row_that_would_widen_access_is_a_problem() -> None:
    row = {"name": "a", "server_type": "stdio", "command": ["x"], "env": {}, "agents": ["*"]}
    (problem,) = read([row]).problems
    assert "would mean everyone" in problem
    (problem,) = read([{**row, "agents": "*"}]).problems
    assert "agents: is no list" in problem


def test_the_platforms_older_file_carries_agents_tools_and_milliseconds() -> None:
    reading = read(servers({"command": "x", "agents": ["genie"], "tools": {"include": ["a*"]}, "timeout": 5000}))
    config = reading.configs[0]
    assert reading.dialect == "platform"
    assert (config.agents, config.timeout) == (["genie"], 5000)
    assert config.tools is not None
    assert config.tools.allows("abc")
    assert one(servers({"command": "x", "agents": "*"})).agents == ["*"]


def test_an_invalid_config_says_which_server_it_was() -> None:
    with pytest.raises(InvalidConfig, match="'linear': agents"):
        ServerConfig.read({**PLATFORM_CONFIG, "agents": [5]})
