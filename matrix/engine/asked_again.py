"""Cells that are asked again, alone, since their worker was lost with several in flight: none is blamed unproved.

Where one of them ends its worker once more, that was it, and the others had nothing to do with it. Where none does,
the loss stays a fact of the row: none of them simply passed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from matrix.engine.process import Lost
from matrix.json_access import mapping, sequence
from matrix.model import Cell, Verdict
from matrix.outcome import Blame, Outcome


@dataclass(frozen=True)
class Attempt:
    """A cell that was asked once: what came of it, and what was seen."""

    outcome: Outcome
    evidence: Any = field(repr=False, default=None)


class AskedAgain:
    """What came of the cells that were in flight together when a worker was lost."""

    def __init__(self) -> None:
        self._lost: dict[str, Lost] = {}
        self._held: list[tuple[Attempt, Lost]] = []
        self._explained = False

    def expect(self, cells: Iterable[Cell], lost: Lost) -> None:
        """Wait for what comes of these."""
        self._explained = False
        self._lost.update({cell.id: lost for cell in cells})

    def settle(self, attempt: Attempt, *, ended_worker: bool = False) -> list[Attempt]:
        """Return the attempts that are complete with this one: nothing until the last of the cells has ended."""
        lost = self._lost.pop(attempt.outcome.cell.id, None)
        if lost is None:
            return [attempt]
        self._explained = self._explained or ended_worker
        self._held.append((attempt, lost))
        return [] if self._lost else self.release()

    def release(self) -> list[Attempt]:
        """Return what is held, and wait for no more."""
        held, self._held = self._held, []
        self._lost.clear()
        return [attempt if self._explained else _telling(attempt, lost) for attempt, lost in held]


def _telling(attempt: Attempt, lost: Lost) -> Attempt:
    """Return an attempt that tells of the loss before it; flaky, where that can only have been the agent."""
    before = f"with others in flight, {lost.reason}; this cell was then asked again, alone"
    evidence = attempt.evidence
    if "notes" in mapping(evidence):
        note = {"at": 0.0, "kind": "asked-again", "text": before}
        evidence = {**mapping(evidence), "notes": [*sequence(mapping(evidence)["notes"]), note]}
    if lost.by_anybody or lost.by_time or attempt.outcome.verdict is not Verdict.PASSED:
        return Attempt(attempt.outcome, evidence)
    flaky = replace(
        attempt.outcome,
        verdict=Verdict.FLAKY,
        reason=f"passed alone; before, {before}",
        blamed_on=Blame.AGENT,
        attempts=(lost.verdict, Verdict.PASSED),
    )
    return Attempt(flaky, evidence)
