"""Zed's settings."""

from __future__ import annotations

from tests.configs.dialects.reading import read


def test_zed_is_read_in_both_its_forms() -> None:
    reading = read(
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
