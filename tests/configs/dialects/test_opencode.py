"""opencode's configuration."""

from __future__ import annotations

from tests.configs.dialects.reading import read


def test_opencode_is_read() -> None:
    reading = read(
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
