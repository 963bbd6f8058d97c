"""Time a cell and memory a worker, from 600 cells to 20,000: by more rows, and by more attempts in one worker."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measured import Extent, Goal, Measured
from benchmarks.one_run import Asked
from benchmarks.run_apart import not_green, run_apart
from benchmarks.workloads import CELLS_OF_A_ROW, CHEAP, project

SIZES = {Extent.SMALLEST: (2, 4), Extent.USUAL: (600, 5_000, 20_000), Extent.WHOLE: (600, 5_000, 20_000)}
REPEATED = {Extent.SMALLEST: (2, 4), Extent.USUAL: (600, 4_000), Extent.WHOLE: (600, 4_000, 20_000)}
LOOK_SECONDS = 2.0


def measure(extent: Extent) -> Measured:
    """Ask more and more."""
    smallest = extent is Extent.SMALLEST
    capabilities, of_a_row = (("invoke.round-trip",), 2) if smallest else (CHEAP, CELLS_OF_A_ROW)
    by_rows = [asked(capabilities, size // of_a_row, 1, smallest=smallest) for size in SIZES[extent]]
    by_repeats = [asked(capabilities, 1, size // of_a_row, smallest=smallest) for size in REPEATED[extent]]
    return Measured(
        [
            "",
            "cells",
            "wall, s",
            "CPU a cell, ms",
            "wall a cell, ms",
            "planning, s",
            "after the last cell, s",
            "parent at the end, MB",
            "largest worker, MB",
            "not green",
        ],
        [*(row("more rows", each) for each in by_rows), *(row("one row, repeated", each) for each in by_repeats)],
        [
            Goal(
                f"CPU a cell, {by_rows[-1]['cells']} cells over {by_rows[0]['cells']}",
                cpu_of_a_cell(by_rows[-1]) / cpu_of_a_cell(by_rows[0]),
                1.1,
                at_most=True,
            ),
            Goal(
                f"memory of the largest worker, {by_repeats[-1]['attempts']} attempts over {by_repeats[0]['attempts']}",
                largest_worker(by_repeats[-1]) / largest_worker(by_repeats[0]),
                1.2,
                at_most=True,
            ),
        ],
    )


def asked(capabilities: tuple[str, ...], rows: int, repeat: int, *, smallest: bool) -> dict[str, Any]:
    """Ask so many rows so often."""
    with tempfile.TemporaryDirectory() as folder:
        return run_apart(
            Asked(
                str(project(Path(folder) / "rows", "benchmarks.workloads:plain", rows)),
                str(Path(folder) / "out"),
                agents=("row-*",),
                capabilities=capabilities,
                revisions=("2025-11-25",),
                repeat=repeat,
                look_at_memory=0.2 if smallest else LOOK_SECONDS,
            )
        )


def cpu_of_a_cell(told: dict[str, Any]) -> float:
    """Return the seconds of CPU of one attempt."""
    return told["effort"]["cpu"] / told["attempts"]


def largest_worker(told: dict[str, Any]) -> float:
    """Return the megabytes of the largest worker that was seen."""
    return max((each["worker"] for each in told["memory"]), default=0.0) or 1.0


def row(how: str, told: dict[str, Any]) -> list[str]:
    """Return a line of the table."""
    moments, effort = told["moments"], told["effort"]
    return [
        how,
        f"{told['attempts']:,}",
        f"{effort['wall']:.1f}",
        f"{1000 * cpu_of_a_cell(told):.1f}",
        f"{1000 * effort['wall'] / told['attempts']:.1f}",
        f"{moments['planned'] - moments['imported']:.2f}",
        f"{moments['ended'] - moments['answered']:.2f}",
        f"{told['memory'][-1]['parent']:.0f}" if told["memory"] else "",
        f"{largest_worker(told):.0f}",
        str(not_green(told)),
    ]
