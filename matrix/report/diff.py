"""What changed between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matrix.model import Cell, Matrix, Outcome, Severity, Verdict

WORSE, BETTER, CHANGED, APPEARED, DISAPPEARED = "worse", "better", "changed", "new", "gone"


@dataclass(frozen=True)
class Change:
    """One cell whose verdict is not what it was."""

    kind: str
    cell: Cell
    before: Verdict | None
    after: Verdict | None
    reason: str
    severity: Severity

    @property
    def is_regression(self) -> bool:
        """Whether a core or expected capability became an agent's failure, or ours."""
        return self.kind == WORSE and self.severity is not Severity.OPTIONAL


def compare(old: Matrix, new: Matrix, severities: Mapping[str, Severity]) -> tuple[Change, ...]:
    """Return the changes, regressions first, each kind sorted by cell."""
    before = {each.cell: each for each in old.outcomes}
    after = {each.cell: each for each in new.outcomes}
    changes = [
        _change(cell, before.get(cell), after.get(cell), severities)
        for cell in {**before, **after}
        if _verdict(before.get(cell)) is not _verdict(after.get(cell))
    ]
    order = (WORSE, BETTER, CHANGED, APPEARED, DISAPPEARED)
    return tuple(sorted(changes, key=lambda each: (order.index(each.kind), each.cell)))


def render(changes: Sequence[Change]) -> str:
    """Return the changes as lines, the sum last."""
    lines: list[str] = []
    for each in changes:
        before = each.before.value if each.before else "–"
        after = each.after.value if each.after else "–"
        reason = f": {each.reason}" if each.reason and each.kind in {WORSE, CHANGED, APPEARED} else ""
        lines.append(f"{each.kind:<8} {each.cell.id}  {before} → {after}{reason}")
    kinds = [each.kind for each in changes]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    lines.append(counts or "no verdict changed")
    return "\n".join(lines) + "\n"


def _change(cell: Cell, before: Outcome | None, after: Outcome | None, severities: Mapping[str, Severity]) -> Change:
    kind = CHANGED
    if before is None:
        kind = APPEARED
    elif after is None:
        kind = DISAPPEARED
    elif _is_red(after) and not _is_red(before):
        kind = WORSE
    elif _is_red(before) and not _is_red(after):
        kind = BETTER
    return Change(
        kind,
        cell,
        _verdict(before),
        _verdict(after),
        "" if after is None else after.reason,
        severities.get(cell.capability, Severity.EXPECTED),
    )


def _is_red(outcome: Outcome) -> bool:
    return outcome.verdict.is_agents_fault or outcome.verdict is Verdict.ERRORED


def _verdict(outcome: Outcome | None) -> Verdict | None:
    return None if outcome is None else outcome.verdict
