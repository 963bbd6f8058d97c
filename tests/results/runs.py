"""Runs on disk, for the tests of what is written, read, kept and merged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from matrix.outcome import Outcome, RunHeader
from matrix.results.reading import read_matrix
from matrix.results.writing import ResultsWriter, write_complete
from tests.samples import header, outcome

HEADER = header(
    {"invoke.round-trip": "core"},
    created="2026-11-20T10:00:00+00:00",
    packages={"mcp": "2.3.0"},
    agents={"control": "the SDK", "stan": "a seller"},
    planned=3,
)
PASSED = outcome("control::invoke.round-trip", duration=0.25)
FAILED = outcome("stan::invoke.round-trip", "failed", "the result was lost: 漢字 \u2028", duration=1.5)
KNOWN = outcome("stan::invoke.timeout", "timed-out", "it hung", expected="a known limit")
EVIDENCE = {"notes": ["kept"]}


def kept_with_evidence(results: ResultsWriter, each: Outcome, evidence: Any = EVIDENCE) -> Outcome:
    """Write an outcome and its evidence; return what was written."""
    whole = replace(each, evidence=results.keep(each.cell, evidence))
    results.write(whole)
    return whole


def written(
    folder: Path,
    *outcomes: Outcome,
    kept: tuple[Outcome, ...] = (),
    complete: bool = True,
    head: RunHeader = HEADER,
) -> Path:
    """Write a run with these outcomes, each with its evidence; return the folder."""
    with ResultsWriter(folder, head, kept) as results:
        for each in outcomes:
            kept_with_evidence(results, each)
    if complete:
        write_complete(folder, read_matrix(folder))
    return folder


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a folder's results."""
    return [json.loads(line) for line in (folder / "matrix.jsonl").read_text(encoding="utf-8").splitlines()]
