"""How long results take to be judged, written, read and rendered, from a thousand outcomes to twenty thousand.

    python benchmarks/results.py

Each line has the seconds of CPU by number of outcomes, and how many times as long twenty times as many take: about 20
where the work is linear.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

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


def main() -> None:
    """Print the times."""
    times: dict[str, list[float]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            for name, step in steps(matrix_of(size), Path(folder)).items():
                began = time.process_time()
                step()
                times.setdefault(name, []).append(time.process_time() - began)
    both = ("read", "markdown", "terminal")
    times["read and rendered"] = [sum(times[name][at] for name in both) for at in range(len(SIZES))]
    sys.stdout.write(f"{'':<18}{''.join(f'{size:>10}' for size in SIZES)}   {SIZES[-1] // SIZES[0]} × as many\n")
    for name, taken in times.items():
        numbers = "".join(f"{each:>10.3f}" for each in taken)
        sys.stdout.write(f"{name:<18}{numbers}   {taken[-1] / taken[0]:.0f} ×\n")


if __name__ == "__main__":
    main()
