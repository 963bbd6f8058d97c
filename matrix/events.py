"""What an engine tells while it runs; whoever shows or stores a run consumes these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from matrix.model import Cell
from matrix.outcome import Outcome


@dataclass(frozen=True)
class Started:
    """A cell is being asked."""

    cell: Cell


@dataclass(frozen=True)
class Finished:
    """A cell has its outcome; `evidence` is JSON, or None where nothing was asked."""

    outcome: Outcome
    evidence: Any = field(repr=False, default=None)


@dataclass(frozen=True)
class Revised:
    """A cell that has finished counts for something else now: the control turned out to be red in its column."""

    outcome: Outcome


EngineEvent = Started | Finished
RunEvent = Started | Finished | Revised
