"""The parts of the benchmark: what each measures, and how many minutes it takes on two cores."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from benchmarks.measured import Extent, Measured


@dataclass(frozen=True)
class Part:
    """A part: the module of its name has `measure`."""

    name: str
    title: str
    minutes: float

    def measure(self, extent: Extent) -> Measured:
        """Measure; takes about that long in the usual extent."""
        module = importlib.import_module(f"{__name__}.{self.name}")
        return cast("Callable[[Extent], Measured]", module.measure)(extent)


PARTS = {
    each.name: each
    for each in (
        Part("handwritten", "200 cells written by hand, under pytest -n 2", 6),
        Part("engine", "The engine before", 8),
        Part("efficiency", "Idle processors", 4),
        Part("question", "One narrow question", 2),
        Part("conformance", "The official conformance suite", 3),
        Part("scale", "From 600 to 20,000 cells", 20),
        Part("results", "From 1,000 to 20,000 outcomes", 1),
        Part("profile", "Where a cell's CPU goes", 5),
    )
}
"""In the order in which they are measured, and stand on the page."""
