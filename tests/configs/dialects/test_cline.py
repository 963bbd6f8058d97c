"""Cline's settings."""

from __future__ import annotations

from tests.configs.dialects.reading import one, servers


def test_cline_counts_seconds_and_keeps_what_is_allowed_without_asking() -> None:
    document = servers({"command": "node", "timeout": 60, "alwaysAllow": ["a"], "disabled": True})
    config = one(document, "cline_mcp_settings.json")
    assert (config.timeout, config.enabled, config.tools) == (60_000, False, None)
    assert config.model_extra == {"alwaysAllow": ["a"]}
    assert one(servers({"url": "https://x.example"}), "cline_mcp_settings.json").transport == "sse"
    assert one(servers({"url": "https://x.example", "type": "streamableHttp"})).transport is None
