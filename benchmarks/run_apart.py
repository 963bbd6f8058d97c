"""One run of the engine in a process of its own, with what it told."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.one_run import Asked
from benchmarks.timing import Taken, python, taken


def run_apart(asked: Asked) -> dict[str, Any]:
    """Run, and return what one_run prints, with what the whole process took as `taken`."""
    took = taken(python(*asked.command()))
    return {**json.loads(took.output.splitlines()[-1]), "taken": Taken(took.wall, took.cpu)}


def not_green(told: dict[str, Any]) -> int:
    """Return how many of its cells did not pass: where there are many, its times are those of something else."""
    return told["cells"] - told["verdicts"].get("passed", 0)
