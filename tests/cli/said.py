"""Results to speak of, and what the command line says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from matrix.outcome import Outcome
from matrix.results.reading import read_matrix
from matrix.results.writing import ResultsWriter, write_complete
from tests.samples import header

HEADER = header({"a.core": "core", "a.optional": "optional"}, planned=2)
CELL = "stan::a.core::echo[http,2025-11-25]"
EVIDENCE = {
    "cell": CELL,
    "question": "Does it go through?",
    "model": [],
    "server": {"frames": [], "http": [], "processes": []},
    "agent": [{"at": 0.1, "run": 1, "error": None, "answer": "done"}],
    "notes": [],
}

Said = tuple[int, str, str]
Matrix = Callable[..., Said]


def results(folder: Path, *outcomes: Outcome, complete: bool = True, evidence: Any = None) -> Path:
    with ResultsWriter(folder, HEADER) as writer:
        for each in outcomes:
            writer.write(replace(each, evidence=writer.keep(each.cell, evidence)))
    if complete:
        write_complete(folder, read_matrix(folder))
    return folder


def refused(said: Said, sentence: str) -> None:
    """Check that there was one sentence on standard error, and nothing else."""
    code, out, err = said
    assert (code, out) == (2, "")
    assert err.startswith("matrix: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert sentence in err
