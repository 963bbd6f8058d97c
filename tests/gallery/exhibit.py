"""What the gallery's table says of each agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from matrix.model import Agent
from tests.saboteurs.saboteur import registered

SAMPLE = (
    "discovery.list-tools",
    "invoke.nested-args",
    "invoke.round-trip",
    "invoke.tool-error",
    "concurrency.order",
    "lifecycle.shutdown",
)
"""What every agent of the gallery is asked; in CI the round trip, and one more in turn."""


@dataclass(frozen=True)
class Exhibit:
    """An agent that is `unusual` in one respect, said in one sentence.

    `target` is its import string below `tests.gallery`. It is asked the sample and `asked`, over each of `transports`
    that a question has, and is green but for what is `unsupported`: the exact reason by capability. What cannot be
    asked is `refused` in one sentence, with its mend. `row` is what its row declares.
    """

    target: str
    unusual: str
    asked: tuple[str, ...] = ()
    unsupported: Mapping[str, str] = field(default_factory=dict[str, str])
    refused: str = ""
    transports: tuple[str, ...] = ("http",)
    row: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """The name of its row."""
        return self.target.replace(":", ".").removesuffix(".answer")

    @property
    def questions(self) -> frozenset[str]:
        """The capabilities that it is asked about."""
        if self.refused:
            return frozenset({"invoke.round-trip"})
        return frozenset({*SAMPLE, *self.asked, *self.unsupported})

    def expected(self, capability: str) -> str:
        """Return verdict and reason of a question, as `running.red` words them; nothing for green."""
        if self.refused:
            return f"failed: {self.refused}"
        return f"unsupported: {self.unsupported[capability]}" if capability in self.unsupported else ""

    def agent(self, folder: Path) -> Agent:
        """Return its row; `folder` is where the import string holds."""
        return replace(registered(f"tests.gallery.{self.target}", self.name, folder), **self.row)
