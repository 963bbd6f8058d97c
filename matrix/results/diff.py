"""What changed between two runs; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from matrix.model import Cell, Severity, Verdict
from matrix.outcome import Matrix, Outcome


class ChangeKind(StrEnum):
    """What became of a cell, worst first."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"
    APPEARED = "new"
    DISAPPEARED = "gone"


@dataclass(frozen=True)
class Change:
    """One cell whose verdict is not what it was."""

    kind: ChangeKind
    cell: Cell
    before: Verdict | None
    after: Verdict | None
    reason: str
    severity: Severity

    @property
    def is_regression(self) -> bool:
        """Whether a core or expected capability became an agent's failure, or ours."""
        return self.kind is ChangeKind.WORSE and self.severity is not Severity.OPTIONAL


def compare(old: Matrix, new: Matrix) -> tuple[Change, ...]:
    """Return the changes, regressions first, each kind sorted by cell; the new run says what is severe."""
    before = {each.cell: each for each in old.outcomes}
    after = {each.cell: each for each in new.outcomes}
    changes = [
        _change(cell, before.get(cell), after.get(cell), new.severity(cell.capability))
        for cell in {**before, **after}
        if _verdict(before.get(cell)) is not _verdict(after.get(cell))
    ]
    order = list(ChangeKind)
    return tuple(sorted(changes, key=lambda each: (order.index(each.kind), each.cell)))


def _change(cell: Cell, before: Outcome | None, after: Outcome | None, severity: Severity) -> Change:
    reason = "" if after is None else after.reason
    return Change(_kind(before, after), cell, _verdict(before), _verdict(after), reason, severity)


def _kind(before: Outcome | None, after: Outcome | None) -> ChangeKind:
    if before is None:
        return ChangeKind.APPEARED
    if after is None:
        return ChangeKind.DISAPPEARED
    if after.is_red and not before.is_red:
        return ChangeKind.WORSE
    # A red cell that is not asked any more has not become better.
    return ChangeKind.BETTER if before.is_red and after.verdict is Verdict.PASSED else ChangeKind.CHANGED


def _verdict(outcome: Outcome | None) -> Verdict | None:
    return None if outcome is None else outcome.verdict
