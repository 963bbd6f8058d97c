"""What an outcome counts for, decided once: where the control is red, what the baseline expects, the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from matrix.errors import AGENTS_FAULT, OUR_FAULT
from matrix.model import CONTROL, Cell, Severity, Verdict
from matrix.outcome import Blame, Matrix, Outcome
from matrix.results.baseline import Entry

NO_LONGER_VOID = "the control was red when this was asked, and is not any more: ask again"


@dataclass
class Judgement:
    """Settles outcomes as they come in; whoever writes, shows or counts them takes what it returns.

    Where the control is red, the fault is ours or the server's: everything else in that column is void.
    """

    baseline: Sequence[Entry] = ()
    _columns: dict[str, dict[str, Outcome]] = field(default_factory=dict[str, dict[str, Outcome]])
    _remembered: set[Cell] = field(default_factory=set[Cell])

    def remember(self, outcome: Outcome) -> None:
        """Take in an outcome that an earlier run has settled; it counts for something else if its control does."""
        self._columns.setdefault(outcome.cell.column, {})[outcome.cell.agent] = outcome
        self._remembered.add(outcome.cell)

    def settle(self, outcome: Outcome) -> tuple[Outcome, ...]:
        """Take in an outcome; returns what counts from now on: its own first, then others that it has changed."""
        column = self._columns.setdefault(outcome.cell.column, {})
        before = {name: self._settled(each, column) for name, each in column.items()}
        column[outcome.cell.agent] = outcome
        self._remembered.discard(outcome.cell)
        after = {name: self._settled(each, column) for name, each in column.items()}
        mine = after.pop(outcome.cell.agent)
        return mine, *(each for name, each in sorted(after.items()) if each != before[name])

    def _settled(self, outcome: Outcome, column: dict[str, Outcome]) -> Outcome:
        control, as_it_was = column.get(CONTROL), outcome
        if control is not None and control.verdict not in {Verdict.PASSED, Verdict.SKIPPED}:
            outcome = _void(outcome, control)
        elif control is not None and control.verdict is Verdict.PASSED and outcome.blamed_on is Blame.CONTROL:
            outcome = outcome.errored(NO_LONGER_VOID, Blame.MATRIX)
        if outcome is as_it_was and outcome.cell in self._remembered:
            return outcome
        expected = next((entry.reason for entry in self.baseline if entry.covers(outcome)), None)
        return replace(outcome, expected=expected)


def settled(outcomes: Sequence[Outcome], baseline: Sequence[Entry] = ()) -> tuple[Outcome, ...]:
    """Return what all these outcomes count for, in their order."""
    judgement = Judgement(baseline)
    final = {each.cell: each for outcome in outcomes for each in judgement.settle(outcome)}
    return tuple(final[each.cell] for each in outcomes)


def _void(outcome: Outcome, control: Outcome) -> Outcome:
    if outcome.verdict is Verdict.SKIPPED:
        return outcome
    reason = f"the control is {control.verdict.value} here: {control.reason}"
    if outcome.cell.agent != CONTROL:
        return outcome.errored(reason, Blame.CONTROL)
    return outcome.errored(reason, Blame.SERVER if control.blamed_on is Blame.SERVER else Blame.MATRIX)


def exit_code(matrix: Matrix, outdated: Sequence[Entry] = ()) -> int:
    """Return the exit code that a complete matrix asks for; `outdated` are entries of the baseline that are stale."""
    # The control alone answers nobody's question, unless nothing else was asked for.
    rows = [each for each in matrix.outcomes if each.cell.agent != CONTROL] or matrix.outcomes
    asked = [each for each in rows if each.verdict is not Verdict.SKIPPED]
    if not asked or any(each.verdict is Verdict.ERRORED for each in matrix.outcomes):
        return OUR_FAULT
    if any(each.expected is None for each in held_against_agents(matrix)):
        return AGENTS_FAULT
    return AGENTS_FAULT if outdated else 0


def held_against_agents(matrix: Matrix) -> tuple[Outcome, ...]:
    """Return the outcomes that make a run red: an agent's fault in a core or expected capability."""
    return tuple(
        each
        for each in matrix.outcomes
        if each.verdict.is_agents_fault and matrix.severity(each.cell.capability) is not Severity.OPTIONAL
    )
