"""The baseline: which cells are expected not to be green, each with a reason.

    [[expected]]
    cell = "discord::invoke.timeout::slow[*]"     # a cell id, with globs
    verdict = "timed-out"
    reason = "keeps the library's read timeout of 300 s"

An entry that no longer describes what a run found is stale, and fails the run: a baseline only ever shrinks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from matrix.model import Verdict
from matrix.outcome import Outcome
from matrix.toml_file import checked, read_toml


@dataclass(frozen=True)
class Entry:
    """One expectation; `cell` may have globs (brackets are literal)."""

    cell: str
    verdict: Verdict
    reason: str

    def covers(self, outcome: Outcome) -> bool:
        """Whether the entry speaks of this cell and verdict."""
        return outcome.cell.matches(self.cell) and outcome.verdict is self.verdict


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cell: str = Field(pattern=r"^[^:]+::[^:]+::.+\[.+\]$")
    verdict: Verdict
    reason: str = Field(min_length=3)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    expected: list[_Row] = []


def read_baseline(path: Path) -> tuple[Entry, ...]:
    """Read a baseline file. Raises ConfigurationError with the place and the mend."""
    rows = checked(_File, read_toml(path), path).expected
    return tuple(Entry(row.cell, row.verdict, row.reason) for row in rows)


def stale(outcomes: Iterable[Outcome], baseline: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that were asked about in this run, and of which nothing came true."""
    found = tuple(outcomes)
    return tuple(
        entry
        for entry in baseline
        if any(outcome.cell.matches(entry.cell) for outcome in found)
        and not any(entry.covers(outcome) for outcome in found)
        and not any(
            outcome.cell.matches(entry.cell) and outcome.verdict in {Verdict.SKIPPED, Verdict.ERRORED}
            for outcome in found
        )
    )
