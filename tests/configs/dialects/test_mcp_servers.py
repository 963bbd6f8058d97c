"""The dialect `mcpServers`, as Claude, Cursor, Windsurf and others write it."""

from __future__ import annotations

import pytest

from tests.configs.dialects.reading import one, read, servers


def test_claude_desktop_is_read() -> None:
    reading = read("""{
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
    reading = read({"mcpServers": {f"s{number}": {"command": "x"} for number in range(7)}})
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
    config = one(servers({"type": kind, **reached}))
    assert (config.server_type, config.transport) == (server_type, transport)


def test_a_url_without_a_type_is_http_and_that_is_noted() -> None:
    reading = read({"mcpServers": {"a": {"url": "https://x.example/sse", "headers": {"X-Key": "${KEY}"}}}})
    assert reading.configs[0].transport is None
    assert reading.configs[0].headers == {"X-Key": "${KEY}"}
    assert reading.notes[:2] == (
        "'a': its url has no type; it was read as http, which some clients take for SSE",
        "'a': its url ends in /sse, but has no type; it was read as http",
    )


def test_windsurf_calls_it_server_url() -> None:
    assert one(servers({"serverUrl": "https://x.example/mcp"})).url == "https://x.example/mcp"


def test_a_timeout_whose_unit_nobody_knows_is_kept_and_not_applied() -> None:
    reading = read(servers({"command": "x", "timeout": 60, "autoApprove": ["a"]}))
    assert reading.configs[0].timeout == 30_000
    assert reading.configs[0].model_extra == {"untranslated": {"timeout": 60}, "autoApprove": ["a"]}
    assert any("seconds or milliseconds" in note for note in reading.notes)
    assert one(servers({"command": "x", "timeout": 6000}), ".mcp.json").timeout == 6000


def test_tools_that_a_client_allows_are_the_only_ones() -> None:
    for entry in ({"tools": ["a"]}, {"allowedTools": ["a"]}, {"includeTools": ["a"]}):
        tools = one(servers({"command": "x", **entry})).tools
        assert tools is not None
        assert (tools.include, tools.exclude) == (["a"], [])
    everything = one(servers({"type": "local", "command": "x", "tools": ["*"]})).tools
    assert everything is not None
    assert everything.allows("anything")


def test_servers_without_a_key_around_them_are_read_and_that_is_noted() -> None:
    reading = read({"a": {"command": "x"}, "b": {"type": "http", "url": "https://x.example"}})
    assert [config.name for config in reading.configs] == ["a", "b"]
    assert "without a key around them" in reading.notes[0]


def test_projects_that_are_not_read_are_mentioned() -> None:
    document = servers({"command": "x"}, projects={"/srv/a": {"mcpServers": {"b": {"command": "y"}}}, "/srv/b": {}})
    reading = read(document, ".claude.json")
    assert "the servers of 1 projects (under `projects`) were not read" in reading.notes[0]
