"""A part of a run, as one of several machines asks it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """A part of a run, from 1; `plan` tells the whole plan, and how it was divided, from any other."""

    part: int
    parts: int
    plan: str
    cells: int

    @property
    def label(self) -> str:
        """As the command line has it."""
        return f"{self.part}/{self.parts}"
