"""Continue's configuration."""

from __future__ import annotations

from tests.configs.dialects.reading import read


def test_continue_writes_a_list_and_its_own_references() -> None:
    reading = read(
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
