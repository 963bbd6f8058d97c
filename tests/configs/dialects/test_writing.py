"""The way back into a file: what is written can be read again, and says what it lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matrix.configs.model import ServerConfig
from matrix.configs.reader import losses, read_configs, write_configs
from matrix.configs.secrets import Sealer, new_key, secrets_of
from matrix.errors import UsageError
from tests.configs.configs_samples import PLATFORM_CONFIG
from tests.configs.dialects.reading import JSON, WORDS, one, servers

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
    lambda name: name == name.strip()
)


TEXTS = st.dictionaries(NAMES, WORDS, max_size=3)


@st.composite
def configs(draw: st.DrawFn) -> ServerConfig:
    fields: dict[str, Any] = {"name": draw(NAMES), "environment": draw(TEXTS), "headers": draw(TEXTS)}
    if draw(st.booleans()):
        program = draw(NAMES)
        fields |= {"server_type": "stdio", "command": [program, *draw(st.lists(WORDS, max_size=3))]}
    else:
        transport = draw(st.sampled_from([None, "http", "sse"]))
        fields |= {"server_type": "http", "url": "https://" + draw(NAMES), "transport": transport}
    fields |= {
        "agents": draw(st.lists(NAMES, max_size=2)),
        "tools": draw(st.none() | st.builds(dict, include=st.none() | st.lists(st.just("a*")), exclude=st.just(["b"]))),
        "timeout": draw(st.integers(0, 10**6)),
        "retry_count": draw(st.integers(0, 20)),
        "enabled": draw(st.booleans()),
        "auto_start": draw(st.booleans()),
        "priority": draw(st.integers(-5, 5)),
        "tags": draw(st.lists(JSON, max_size=2)),
        "description": draw(st.none() | WORDS),
        "x-unknown": draw(JSON),
    }
    config = ServerConfig.read(fields)
    assume(not secrets_of(config.to_json()))
    return config


SERVERS = st.lists(configs(), max_size=3, unique_by=lambda config: config.name)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(SERVERS)
def test_our_own_form_written_and_read_is_the_same(found: list[ServerConfig]) -> None:
    reading = read_configs(write_configs(found, "configs"))
    assert reading.problems == ()
    assert [config.to_json() for config in reading.configs] == [config.to_json() for config in found]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(SERVERS, st.sampled_from(["mcpServers", "vscode"]))
def test_what_clients_read_keeps_how_a_server_is_started_or_reached(found: list[ServerConfig], dialect: str) -> None:
    reading = read_configs(write_configs(found, dialect))
    assert reading.problems == ()
    for before, after in zip(found, reading.configs, strict=True):
        for field in ("name", "server_type", "command", "url", "environment", "headers", "enabled", "description"):
            assert getattr(before, field) == getattr(after, field)
        assert (before.transport == "sse") == (after.transport == "sse")


def test_a_secret_in_clear_is_never_written_and_a_sealed_one_stays_sealed() -> None:
    secret = "sk-live-0123456789abcdef"
    sealed = Sealer(new_key()).seal(secret)
    config = ServerConfig.read(
        {
            **PLATFORM_CONFIG,
            "command": ["x", "--api-key", secret, f"--token={secret}"],
            "environment": {"API_KEY": secret, "SEALED_KEY": sealed, "REFERENCE_KEY": "${KEY}"},
            "headers": {"Authorization": f"Bearer {secret}"},
            "x-unknown": {"password": secret},
        }
    )
    for dialect in ("configs", "mcpServers", "vscode"):
        text = write_configs([config], dialect)
        assert secret not in text
        assert sealed in text
        assert "${KEY}" in text
        said = losses([config], dialect)
        assert not any(secret in note for note in said)
        assert any("environment.API_KEY is a secret in clear" in note for note in said)
        assert any("sealed secrets" in note for note in said)
    assert any("no word for agents, tools" in note for note in losses([config], "mcpServers"))
    assert not any("no word for" in note for note in losses([config], "configs"))


def test_a_timeout_that_was_not_understood_is_written_back_as_it_was() -> None:
    config = one(servers({"command": "x", "timeout": 60, "autoApprove": ["a"], "disabled": True}))
    written = json.loads(write_configs([config], "mcpServers"))
    assert written == servers({"command": "x", "args": [], "disabled": True, "timeout": 60, "autoApprove": ["a"]})


def test_another_dialect_and_two_servers_of_one_name_cannot_be_written() -> None:
    config = ServerConfig.read(PLATFORM_CONFIG)
    with pytest.raises(UsageError, match="write one of configs, mcpServers, vscode"):
        write_configs([config], "yaml")
    with pytest.raises(UsageError, match="two servers are called 'linear'"):
        write_configs([config, config], "configs")
