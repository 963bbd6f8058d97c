"""How much of the processors a run leaves idle: the ideal time over the wall time, imports apart."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measured import Extent, Goal, Measured
from benchmarks.one_run import Asked
from benchmarks.run_apart import not_green, run_apart
from benchmarks.timing import ROOT
from benchmarks.workloads import CELLS_OF_A_ROW, CHEAP, project

ROWS = 600 // CELLS_OF_A_ROW
STRAW_MEN = {
    "10 ms of CPU a call": ("benchmarks.workloads:burning", CHEAP, ()),
    "50 ms of waiting a call": ("benchmarks.workloads:waiting", CHEAP, ()),
    "HTTP, stdio and SSE mixed": (
        "benchmarks.workloads:plain",
        (*CHEAP, "transport.*", "lifecycle.version", "concurrency.parallel-*"),
        (),
    ),
}


def measure(extent: Extent) -> Measured:
    """Run the bundled agents, and the straw men's workloads."""
    smallest = extent is Extent.SMALLEST
    with tempfile.TemporaryDirectory() as folder:
        asked = {
            name: Asked(
                str(project(Path(folder) / str(number), target, 1 if smallest else ROWS)),
                str(Path(folder) / f"out-{number}"),
                capabilities=("invoke.round-trip",) if smallest else capabilities,
                transports=transports,
            )
            for number, (name, (target, capabilities, transports)) in enumerate(STRAW_MEN.items())
        }
        bundled = bundled_agents(extent, Path(folder) / "bundled")
        told = {name: run_apart(each) for name, each in {bundled[0]: bundled[1], **asked}.items()}
    return Measured(
        ["", "cells", "wall, s", "CPU, s", "longest cell, s", "ideal, s", "efficiency", "not green"],
        [row(name, each) for name, each in told.items()],
        [Goal(f"efficiency, {name}", each["effort"]["efficiency"], 0.85, unit="") for name, each in told.items()],
    )


def bundled_agents(extent: Extent, output: Path) -> tuple[str, Asked]:
    """Return what is asked of the rows of this repository."""
    if extent is Extent.SMALLEST:
        return "one bundled agent", Asked(str(ROOT), str(output), ("simple",), ("invoke.round-trip",))
    if extent is Extent.WHOLE:
        return "the whole published matrix", Asked(str(ROOT), str(output))
    return "three bundled agents, all questions", Asked(str(ROOT), str(output), ("simple", "stan", "sofia"))


def row(name: str, told: dict[str, Any]) -> list[str]:
    """Return a line of the table."""
    effort = told["effort"]
    seconds = [f"{effort[each]:.1f}" for each in ("wall", "cpu", "longest", "ideal")]
    return [name, str(told["cells"]), *seconds, f"{effort['efficiency']:.2f}", str(not_green(told))]
