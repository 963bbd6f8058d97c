"""What a run asks: its cells in order, and those of which planning has already decided; pure data."""

from __future__ import annotations

from dataclasses import dataclass

from matrix.model import Agent, Capability, Cell, Server, Transport, Verdict
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
    def real_over_stdio(self) -> frozenset[str]:
        """The real servers that are asked about over stdio."""
        real = {each.id for each in self.capabilities if each.real}
        cells = [each.cell for each in self.asked]
        return frozenset(
            each
            for cell in cells
            if cell.capability in real and cell.transport is Transport.STDIO
            for each in cell.servers
        )

    @property
    def asked(self) -> tuple[Planned, ...]:
        """The cells that are really to be run."""
        return tuple(each for each in self.cells if each.verdict is None)
