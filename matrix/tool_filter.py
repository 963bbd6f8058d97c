"""Which of a server's tools an agent gets: the one rule, for configs and for the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ToolFilter:
    """`exclude` wins; no `include` means all tools, an empty one means none.

    A pattern is an exact name, `*`, or a prefix that ends in `*`; capitals count. Raises ValueError for a pattern with
    a `*` before its end.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would look like a wildcard and be none."""
        for pattern in (*(self.include or ()), *self.exclude):
            if "*" in pattern[:-1]:
                raise ValueError(f"{pattern!r} has a * before its end; only a trailing one is a wildcard")

    def allows(self, tool: str) -> bool:
        """Whether the agent is to have this tool."""
        return (self.include is None or _among(tool, self.include)) and not _among(tool, self.exclude)


def _among(tool: str, patterns: Sequence[str]) -> bool:
    return any(tool.startswith(pattern[:-1]) if pattern.endswith("*") else tool == pattern for pattern in patterns)
