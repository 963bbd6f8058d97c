"""VS Code: a file of servers and inputs, or the settings that hold them."""

from __future__ import annotations

import json

from matrix.configs.model import ServerConfig
from matrix.configs.reader import write_configs
from tests.configs.dialects.reading import one, read


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
    reading = read(text, ".vscode/mcp.json")
    assert reading.dialect == "vscode"
    assert [each["id"] for each in reading.inputs] == ["key"]
    assert reading.configs[0].environment == {"KEY": "${input:key}"}
    assert reading.configs[0].model_extra == {"envFile": "${workspaceFolder}/.env"}
    assert "referred to, but not among the inputs: 'other'" in reading.notes


def test_vs_code_settings_hold_them_one_level_deeper() -> None:
    settings_json = {"editor.tabSize": 2, "mcp": {"inputs": [], "servers": {"a": {"command": "x", "args": ["1"]}}}}
    assert one(settings_json, "settings.json").command == ["x", "1"]
    assert read(settings_json).dialect == "vscode"


def test_an_input_without_an_id_is_a_problem() -> None:
    assert read({"servers": {"a": {"command": "x"}}, "inputs": [{}]}).problems == ("inputs.0: has no id",)


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
