"""The model: what a config may be, what it keeps, and what a filter lets pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from matrix.configs.model import (
    MAX_DEPTH,
    InvalidConfig,
    ServerConfig,
    ToolSelection,
    canonical,
    fingerprint,
    leaves,
    unstorable,
)

STDIO: dict[str, Any] = {"name": "a", "server_type": "stdio", "command": ["run"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("change", "where", "problem"),
    [
        ({"server_type": "carrier-pigeon"}, "server_type", "'stdio' or 'http'"),
        ({"command": None}, "", "a stdio server needs a command"),
        ({"command": [" "]}, "command", "has an empty program"),
        ({"command": "run --all"}, "command", "valid list"),
        ({"server_type": "http"}, "", "an http server needs a url"),
        ({"name": "a\n"}, "name", "control characters"),
        ({"name": "x" * 256}, "name", "at most 255"),
        ({"timeout": 1.5}, "timeout", "valid integer"),
        ({"enabled": "yes"}, "enabled", "valid boolean"),
        ({"environment": {"N": 1}}, "environment.N", "valid string"),
        ({"tools": {"include": ["a*b"]}}, "tools.include", "only a trailing one"),
        ({"x": "\0"}, "", "x has a NUL character"),
        ({"x": {"y": "\ud800"}}, "", "x.y has a NUL character or half of a surrogate pair"),
        ({"x": float("inf")}, "", "x is a number that JSON has no way to write"),
    ],
)
def test_what_cannot_be_a_config_is_named_in_one_sentence(change: dict[str, Any], where: str, problem: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        ServerConfig.read({**STDIO, **change})
    assert refused.value.where == where
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_nests_too_deeply_is_refused_without_recursion() -> None:
    deep: Any = 1
    for _ in range(50_000):
        deep = [deep]
    assert next(unstorable({"x": deep}))[1] == f"nests deeper than {MAX_DEPTH} levels"


@settings(derandomize=True, deadline=None, max_examples=60)
@given(JSON)
def test_keys_that_nobody_told_us_of_are_kept(value: Any) -> None:
    if [*unstorable(value)] or value in ({}, [], None):
        return
    config = ServerConfig.read({**STDIO, "theirs": {"inner": value}})
    assert ServerConfig.read(config.to_json()).to_json()["theirs"] == {"inner": value}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(JSON)
def test_the_same_value_has_the_same_text_and_print_whatever_the_order(value: Any) -> None:
    one, two = {"a": value, "b": 1}, {"b": 1, "a": value}
    assert canonical(one) == canonical(two)
    assert fingerprint(one) == fingerprint(two)
    assert sum(1 for _ in leaves(one)) == sum(1 for _ in leaves(two))


@pytest.mark.parametrize(
    ("agents", "agent", "expected"),
    [
        ("*", "genie", True),
        (["*"], "genie", True),
        (["genie"], "genie", True),
        (["genie"], "Genie", False),
        (["gen*"], "genie", False),
        ([], "genie", False),
        (None, "genie", False),
    ],
)
def test_a_server_is_for_those_that_it_names_exactly(agents: Any, agent: str, expected: bool) -> None:
    given = {} if agents is None else {"agents": agents}
    assert ServerConfig.read({**STDIO, **given}).is_for(agent) is expected


@pytest.mark.parametrize(
    ("tools", "allowed", "refused"),
    [
        ({}, ["a", ""], []),
        ({"include": []}, [], ["a"]),
        ({"include": ["*"], "exclude": ["delete_*"]}, ["get", "delete"], ["delete_all", "delete_"]),
        ({"include": ["get_*", "list"]}, ["get_one", "list"], ["listing", "xget_one"]),
        ({"include": ["a"], "exclude": ["a"]}, [], ["a"]),
        ({"include": ["[ab]", "c?"]}, ["[ab]", "c?"], ["a", "cd"]),
        ({"exclude": ["*"]}, [], ["a"]),
    ],
)
def test_exclude_wins_and_a_missing_include_is_everything(
    tools: dict[str, Any], allowed: list[str], refused: list[str]
) -> None:
    made = ToolSelection.model_validate(tools)
    assert [each for each in [*allowed, *refused] if made.allows(each)] == allowed


def test_a_filter_has_no_other_keys() -> None:
    with pytest.raises(ValidationError, match="only"):
        ToolSelection.model_validate({"only": ["a"]})


def test_a_star_in_the_midst_of_a_tools_name_is_refused_and_named() -> None:
    with pytest.raises(InvalidConfig, match=r"tools.exclude: 'a\*b' has a \* before its end"):
        ServerConfig.read({**STDIO, "tools": {"exclude": ["a*b"]}})
