"""How long results take to be judged, written, read and rendered, from a thousand outcomes to twenty thousand."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.measured import Extent, Goal, Measured
from matrix.model import CONTROL, STATEFUL, Cell, Severity, Transport, Verdict
from matrix.outcome import GROUPS, CapabilityHeader, Matrix, Outcome, Reached, RunHeader
from matrix.report import diff, markdown, terminal
from matrix.results.baseline import Entry, stale
from matrix.results.diff import compare
from matrix.results.judgement import settled
from matrix.results.reading import read_matrix
from matrix.results.writing import write_complete

SIZES = 1_000, 5_000, 20_000
COLUMNS = 200
BOTH = ("read", "markdown", "terminal")


def matrix_of(size: int) -> Matrix:
    """Return so many outcomes: rows of 200 cells, one in ten red, each third of these for a reason of its own."""
    capabilities = [f"{group}.question-{number}" for group in GROUPS for number in range(9)]
    header = RunHeader(capabilities={name: CapabilityHeader(Severity.EXPECTED) for name in capabilities}, planned=size)
    rows = [CONTROL, *(f"agent-{number:04d}" for number in range(1, size // COLUMNS))]
    outcomes: list[Outcome] = []
    for row in rows:
        for number in range(COLUMNS):
            transport = (Transport.STDIO, Transport.HTTP)[number % 2]
            cell = Cell(row, capabilities[number // 2 % len(capabilities)], (f"s{number}",), transport, STATEFUL)
            red = row != CONTROL and number % 10 == 3
            reason = f"the result {number if number % 3 else ''} was lost" if red else ""
            verdict = Verdict.FAILED if red else Verdict.PASSED
            outcomes.append(Outcome(cell, verdict, reason, attempts=(verdict,), duration=0.2, reached=Reached.CALLED))
    return Matrix(header, tuple(outcomes))


def on_terminal(matrix: Matrix) -> None:
    """Print the table and the news."""
    Console(file=io.StringIO(), width=200).print(terminal.render(matrix), crop=False)


def steps(matrix: Matrix, folder: Path) -> dict[str, Callable[[], object]]:
    """Return what becomes of results, in its order."""
    other = Matrix(matrix.header, tuple(reversed(matrix.outcomes)))
    baseline = tuple(Entry(f"agent-{number:04d}::*", Verdict.FAILED, "known") for number in range(20))
    return {
        "judged": lambda: settled(matrix.outcomes, baseline),
        "baseline": lambda: stale(matrix.outcomes, baseline),
        "written": lambda: write_complete(folder, matrix),
        "read": lambda: read_matrix(folder),
        "markdown": lambda: markdown.render(matrix),
        "terminal": lambda: on_terminal(matrix),
        "diff": lambda: diff.render(compare(matrix, other)),
    }


def measure(extent: Extent) -> Measured:
    """Take each step at each size."""
    sizes = (1_000, 2_000) if extent is Extent.SMALLEST else SIZES
    times: dict[str, list[float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            for name, step in steps(matrix_of(size), Path(folder)).items():
                began = time.process_time()
                step()
                times.setdefault(name, []).append(time.process_time() - began)
    times["read and rendered"] = [sum(times[name][at] for name in BOTH) for at in range(len(sizes))]
    factor = sizes[-1] // sizes[0]
    return Measured(
        ["", *(f"{each:,}" for each in sizes), f"{factor} × as many take"],
        [[name, *(f"{each:.3f}" for each in taken), f"{taken[-1] / taken[0]:.0f} ×"] for name, taken in times.items()],
        [Goal(f"{sizes[-1]:,} outcomes read and rendered", times["read and rendered"][-1], 2, "s", at_most=True)],
    )
