"""The one rule that decides which tools an agent gets."""

from __future__ import annotations

import pytest

from matrix.tool_filter import ToolFilter


@pytest.mark.parametrize(
    ("tools", "allowed"),
    [
        (ToolFilter(), {"get", "get_all", "delete", "[g]et", ""}),
        (ToolFilter(include=()), set()),
        (ToolFilter(include=("*",), exclude=("get_*",)), {"get", "delete", "[g]et", ""}),
        (ToolFilter(include=("get*",)), {"get", "get_all"}),
        (ToolFilter(include=("get",), exclude=("get",)), set()),
        (ToolFilter(include=("[g]et", "GET", "ge?")), {"[g]et"}),
        (ToolFilter(exclude=("*",)), set()),
    ],
)
def test_exclude_wins_and_a_missing_include_is_everything(tools: ToolFilter, allowed: set[str]) -> None:
    assert {name for name in ("get", "get_all", "delete", "[g]et", "") if tools.allows(name)} == allowed


@pytest.mark.parametrize("pattern", ["*x", "a*b", "**", "a**"])
def test_a_star_before_the_end_is_refused_and_named(pattern: str) -> None:
    for tools in ({"include": (pattern,)}, {"exclude": (pattern,)}):
        with pytest.raises(ValueError, match="before its end"):
            ToolFilter(**tools)
