"""Two hundred cells that a user would write by hand, and the same questions put by us."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from benchmarks.measured import Extent, Goal, Measured
from benchmarks.timing import ROOT, Taken, in_turn, python, taken
from benchmarks.workloads import project

CAPABILITIES = (
    "discovery.list-tools",
    "invoke.round-trip",
    "invoke.nested-args",
    "invoke.tool-error",
    "concurrency.parallel-calls",
)
ROWS = 20
OF_A_ROW = 2 * len(CAPABILITIES)
KEPT = "by hand, connections kept"
BY_HAND, ALONE, SHARED, REPEATED = (
    "by hand, `pytest -n 2`",
    "ours, `--no-share`",
    "ours",
    "ours, `--repeat 20`, one row",
)


def measure(extent: Extent) -> Measured:
    """Run both in turn, twice."""
    rows, times = (1, 1) if extent is Extent.SMALLEST else (ROWS, 2)
    with tempfile.TemporaryDirectory() as folder:
        many = project(Path(folder) / "many", "benchmarks.handwritten.agent:agent", rows)
        one = project(Path(folder) / "one", "benchmarks.handwritten.agent:agent", 1)
        runs = {
            BY_HAND: partial(by_hand, rows),
            KEPT: partial(by_hand, rows, KEEP="1"),
            ALONE: partial(ours, many, Path(folder) / "alone", "--no-share"),
            SHARED: partial(ours, many, Path(folder) / "shared"),
            REPEATED: partial(ours, one, Path(folder) / "repeated", "--repeat", str(rows)),
        }
        medians = in_turn(times, runs)
    return compared(medians, rows * OF_A_ROW)


def compared(medians: Mapping[str, Taken], cells: int) -> Measured:
    """Return the table: so many cells are the user's, the control's are ours alone."""
    attempts = dict.fromkeys((BY_HAND, KEPT), cells) | dict.fromkeys((ALONE, SHARED), cells + OF_A_ROW)
    attempts[REPEATED] = 2 * cells
    rates = {name: attempts[name] / each.wall for name, each in medians.items()}
    rows = [
        [
            name,
            str(attempts[name]),
            f"{each.wall:.1f}",
            f"{each.cpu:.1f}",
            f"{rates[name]:.2f}",
            f"{rates[name] / rates[BY_HAND]:.1f} ×",
            f"{rates[name] / rates[KEPT]:.1f} ×",
            f"{medians[BY_HAND].wall / each.wall:.1f} ×",
            f"{medians[BY_HAND].cpu / each.cpu:.1f} ×",
        ]
        for name, each in medians.items()
    ]
    return Measured(
        [
            "",
            "attempts",
            "wall, s",
            "CPU, s",
            "attempts a second",
            "over by hand",
            "over kept",
            "wall ratio",
            "CPU ratio",
        ],
        rows,
        [
            Goal(
                "attempts a second (the control's count), over `pytest -n 2` by hand",
                rates[REPEATED] / rates[BY_HAND],
                10,
            )
        ],
    )


def by_hand(rows: int, **more: str) -> Taken:
    """Run the tests that are written by hand."""
    tests = ROOT / "benchmarks" / "handwritten"
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "ROWS": str(rows), **more}
    return taken(python("-m", "pytest", "-n", "2", "-c", str(tests / "pytest.ini"), str(tests / "tests.py")), env=env)


def ours(folder: Path, output: Path, *more: str) -> Taken:
    """Put the same questions; every one has to pass."""
    asked = [word for each in CAPABILITIES for word in ("--capability", each)]
    return taken(
        python("-m", "matrix", "run", *asked, "--revision", "2025-11-25", "--output", str(output), *more),
        folder=folder,
        env={"PYTHONPATH": str(ROOT)},
    )
