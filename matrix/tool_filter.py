"""Which of a server's tools an agent is to have; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ToolFilter:
    """Which tools pass: `exclude` wins; no `include` means all. A pattern is a name, or a beginning before a `*`."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def allows(self, tool: str) -> bool:
        """Whether the client is to have this tool."""
        return (self.include is None or _among(tool, self.include)) and not _among(tool, self.exclude)


def _among(tool: str, patterns: Sequence[str]) -> bool:
    return any(tool.startswith(pattern[:-1]) if pattern.endswith("*") else tool == pattern for pattern in patterns)
