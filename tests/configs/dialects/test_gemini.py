"""Gemini CLI's settings."""

from __future__ import annotations

from tests.configs.dialects.reading import read


def test_gemini_has_two_urls_milliseconds_tools_and_bare_variables() -> None:
    reading = read(
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
