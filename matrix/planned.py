"""What a run asks: its cells in order, and those of which planning has already decided; pure data."""

from __future__ import annotations

from dataclasses import dataclass

from matrix.model import Agent, Capability, Cell, Server, Verdict
from matrix.shard import Shard


@dataclass(frozen=True)
class Planned:
    """A cell of the plan; `verdict` and `reason` are set where planning has already decided."""

    cell: Cell
    verdict: Verdict | None = None
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """The ordered cells of a run; pure data."""

    cells: tuple[Planned, ...]
    agents: tuple[Agent, ...]
    capabilities: tuple[Capability, ...]
    servers: tuple[Server, ...]
    shard: Shard | None = None
    """Which part it is, where it is not the whole."""

    @property
    def asked(self) -> tuple[Planned, ...]:
        """The cells that are really to be run."""
        return tuple(each for each in self.cells if each.verdict is None)
