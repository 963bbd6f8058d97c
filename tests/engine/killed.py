"""Runs that are killed at a moment, and what they come to after all."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from matrix.results.reading import read_matrix
from tests.engine.running import Running

OF_ONE_RUN = {"duration", "run", "command", "evidence"}
"""What two runs of the same question may differ in."""


def killed(project: Path, lines: int, *options: str) -> None:
    """Run, and kill the parent when it has told of so many outcomes."""
    running = Running(project, *options)
    running.wait_for(" cells: " if lines == 0 else f"[{lines}/")
    running.process.send_signal(signal.SIGKILL)
    code, _, _ = running.end()
    assert code == -signal.SIGKILL


def come_to(folder: Path) -> list[dict[str, Any]]:
    """Return what a complete run has found, without what differs from run to run."""
    matrix = read_matrix(folder)
    assert matrix.complete
    return [{name: value for name, value in vars(each).items() if name not in OF_ONE_RUN} for each in matrix.outcomes]
