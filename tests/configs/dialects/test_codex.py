"""Codex's TOML."""

from __future__ import annotations

from tests.configs.dialects.reading import read


def test_codex_toml_is_read() -> None:
    reading = read(
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
