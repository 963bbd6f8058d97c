"""What a run has taken of the machine, and how much of that it could not have done without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Seconds from the first cell that was asked to the last verdict: what was imported before is apart.

    `cpu` is that of all processes of the run, `longest` that of the longest cell.
    """

    wall: float
    cpu: float
    longest: float
    processors: int

    @property
    def ideal(self) -> float:
        """The seconds that it would take if no processor were ever idle: no fewer than the longest cell."""
        return max(self.cpu / self.processors, self.longest)

    @property
    def efficiency(self) -> float:
        """The ideal time over that which it took; 1 at most, but for what clocks differ in."""
        return self.ideal / self.wall if self.wall > 0 else 1.0
