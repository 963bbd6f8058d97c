"""Files of any dialect: JSON with comments, JSON5 and TOML, and what is none of them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix.configs.reader import read_configs, read_file
from matrix.errors import ConfigurationError
from tests.configs.dialects.reading import JSON, one, read, servers


def test_comments_trailing_commas_and_a_byte_order_mark_are_understood() -> None:
    text = '\ufeff// one\n{"mcpServers": {/* "a": {}, */ "b": '
    text += '{"command": "x // no, \\" comment /*", "args": [",]", ], }, },}\n'
    config = one(text)
    assert (config.name, config.command) == ("b", ['x // no, " comment /*', ",]"])


def test_json5_is_understood() -> None:
    assert one("{mcpServers: {a: {command: 'x', args: ['a\\\nb', ],},},}").command == ["x", "ab"]


def test_a_large_file_with_comments_is_read() -> None:
    entries = {f"s{number}": {"command": "x", "env": {"A": "b" * 40}} for number in range(2000)}
    assert len(read("// many\n" + json.dumps({"mcpServers": entries}, indent=1)).configs) == 2000


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
        assert "sk-live" not in repr(read(servers(bad)).problems)


def test_files_are_read_from_disk_whatever_their_byte_order_mark(tmp_path: Path) -> None:
    text = json.dumps(servers({"command": "ü"}), ensure_ascii=False)
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
        reading = read(document)
        assert all(sentence.isprintable() for sentence in (*reading.problems, *reading.notes))
