"""What an outcome counts for, decided once: a red control, a cause told elsewhere, the baseline, the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from matrix.errors import AGENTS_FAULT, OUR_FAULT
from matrix.model import CONTROL, STATEFUL, STATELESS, Cell, Severity, Transport, Verdict
from matrix.outcome import Blame, Matrix, Outcome, Reached
from matrix.results.baseline import Entry
from matrix.symptom import Symptom

NO_LONGER_VOID = "the control was red when this was asked, and is not any more: ask again"
NO_LONGER_RESTS = "what this rested on was red when it was asked, and is not any more: ask again"
STATELESS_QUESTION = "lifecycle.stateless-2026"
"""The capability that a cell of 2026-07-28 rests on."""
FIRST_QUESTION = "invoke.round-trip"
"""The capability that all others rest on where they are red for the same reason."""
TRANSPORT_QUESTIONS = "transport.stdio", "transport.http", "transport.sse"
"""The capabilities that a cell over that transport rests on."""
_Question = tuple[str, Transport, str]
"""A capability, a transport and a revision."""
_NOT_GREEN = {Verdict.FAILED, Verdict.TIMED_OUT, Verdict.UNSUPPORTED}


@dataclass
class Judgement:
    """Settles outcomes as they come in; whoever writes, shows or counts them takes what it returns.

    Where the control is red, the fault is ours or the server's: everything else in that column is void. Where a cell
    that others rest on is not green, those that only repeat it are unsupported: one cause is one red. `needs` are the
    capabilities that a capability rests on, by its id.
    """

    baseline: Sequence[Entry] = ()
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    _outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict[str, dict[str, Outcome]])
    """As they came, by agent and column."""
    _asked: dict[_Question, dict[str, None]] = field(default_factory=dict["_Question", dict[str, None]])
    """The columns of each question, over each transport and revision, in the order in which they came."""
    _remembered: set[Cell] = field(default_factory=set[Cell])

    def remember(self, outcome: Outcome) -> None:
        """Take in an outcome that an earlier run has settled; it counts for something else if its control does."""
        self._take(outcome)
        self._remembered.add(outcome.cell)

    def settle(self, outcome: Outcome) -> tuple[Outcome, ...]:
        """Take in an outcome; returns what counts from now on: its own first, then others that it has changed."""
        cell = outcome.cell
        before = {each.cell: self._settled(each) for each in self._affected(cell)}
        self._take(outcome.by_itself)
        self._remembered.discard(cell)
        after = {each.cell: self._settled(each) for each in self._affected(cell)}
        mine = after.pop(cell)
        return mine, *(each for _, each in sorted(after.items()) if each != before[each.cell])

    def _take(self, outcome: Outcome) -> None:
        cell = outcome.cell
        self._of(cell.agent)[cell.column] = outcome
        self._asked.setdefault((cell.capability, cell.transport, cell.revision), {})[cell.column] = None

    def _of(self, agent: str) -> dict[str, Outcome]:
        return self._outcomes.setdefault(agent, {})

    def _affected(self, cell: Cell) -> list[Outcome]:
        """Return the outcomes that may count for something else once this cell has another."""
        agents = self._outcomes if cell.agent == CONTROL else {cell.agent: self._of(cell.agent)}
        bears = self._bears_others(cell.capability)
        return [
            each
            for outcomes in agents.values()
            for column, each in outcomes.items()
            if column == cell.column or (bears and each.cell.agent != CONTROL)
        ]

    def _bears_others(self, capability: str) -> bool:
        needed = {name for names in self.needs.values() for name in names}
        return capability in {FIRST_QUESTION, STATELESS_QUESTION, *TRANSPORT_QUESTIONS, *Symptom, *needed}

    def _settled(self, outcome: Outcome) -> Outcome:
        judged = self._judged(outcome)
        if judged is outcome and outcome.cell in self._remembered:
            return outcome
        expected = next((entry.reason for entry in self.baseline if entry.covers(judged)), None)
        return replace(judged, expected=expected)

    def _judged(self, outcome: Outcome) -> Outcome:
        """Return the outcome without what the baseline says; the very same where nothing else changes it."""
        control = self._of(CONTROL).get(outcome.cell.column)
        if control is not None and control.verdict not in {Verdict.PASSED, Verdict.SKIPPED}:
            return _void(outcome, control)
        if control is not None and control.verdict is Verdict.PASSED and outcome.blamed_on is Blame.CONTROL:
            return _to_be_asked_again(outcome, NO_LONGER_VOID)
        if outcome.cell.agent == CONTROL:
            return outcome
        cause = self._cause(outcome)
        if cause is not None:
            return _resting(outcome, cause)
        if outcome.rests_on is not None and self._has(outcome.cell.agent, outcome.rests_on):
            return _to_be_asked_again(outcome, NO_LONGER_RESTS)
        return outcome

    def _cause(self, outcome: Outcome) -> Outcome | None:
        """Return the outcome, at the bottom of it all, that this one only repeats."""
        for base in self._bases(outcome):
            settled = self._judged(base)
            if settled.verdict in _NOT_GREEN and _repeats(outcome, base):
                return self._cause(base) or settled
        return None

    def _bases(self, outcome: Outcome) -> Iterable[Outcome]:
        """Yield the outcomes of the same agent that a cell rests on, the deepest first."""
        cell = outcome.cell
        mine = self._of(cell.agent)
        questions = [(f"transport.{cell.transport}", STATEFUL)]
        if cell.revision == STATELESS:
            questions.append((STATELESS_QUESTION, STATELESS))
        if cell.capability not in {STATELESS_QUESTION, *TRANSPORT_QUESTIONS}:
            questions.append((FIRST_QUESTION, cell.revision))
        questions += [(name, cell.revision) for name in self.needs.get(cell.capability, ())]
        if outcome.symptom is not None and outcome.symptom != cell.capability:
            questions.append((outcome.symptom, STATEFUL))
        for capability, revision in questions:
            for column in sorted(self._asked.get((capability, cell.transport, revision), ())):
                if column != cell.column and column in mine:
                    yield mine[column]

    def _has(self, agent: str, cell: str) -> bool:
        return any(each.cell.id == cell for each in self._of(agent).values())


def settled(
    outcomes: Sequence[Outcome], baseline: Sequence[Entry] = (), needs: Mapping[str, Sequence[str]] | None = None
) -> tuple[Outcome, ...]:
    """Return what all these outcomes count for, in their order."""
    judgement = Judgement(baseline, needs or {})
    final = {each.cell: each for outcome in outcomes for each in judgement.settle(outcome)}
    return tuple(final[each.cell] for each in outcomes)


def _repeats(outcome: Outcome, base: Outcome) -> bool:
    """Whether a red outcome tells nothing new: it says the same, or got no further than what it rests on."""
    if outcome.rests_on is not None:
        return True
    if outcome.verdict not in {Verdict.FAILED, Verdict.TIMED_OUT} or outcome.reached is None or base.reached is None:
        return False
    if outcome.reason == base.reason or (outcome.symptom is not None and outcome.symptom == base.symptom):
        return True
    no_further = base.reached is not Reached.SHOWN and outcome.reached.rank <= base.reached.rank
    return no_further and base.cell.capability != FIRST_QUESTION


def _resting(outcome: Outcome, cause: Outcome) -> Outcome:
    reason = f"rests on {cause.cell.capability}, which is {cause.verdict.value}: {cause.reason}"
    return outcome.counting_for(Verdict.UNSUPPORTED, reason, None, rule=None, rests_on=cause.cell.id)


def _to_be_asked_again(outcome: Outcome, reason: str) -> Outcome:
    return replace(outcome, verdict=Verdict.ERRORED, reason=reason, blamed_on=Blame.MATRIX, rests_on=None, finding=None)


def _void(outcome: Outcome, control: Outcome) -> Outcome:
    if outcome.verdict is Verdict.SKIPPED:
        return outcome
    reason = f"the control is {control.verdict.value} here: {control.reason}"
    if outcome.cell.agent != CONTROL:
        return outcome.counting_for(Verdict.ERRORED, reason, Blame.CONTROL)
    blamed_on = Blame.SERVER if control.blamed_on is Blame.SERVER else Blame.MATRIX
    return outcome.counting_for(Verdict.ERRORED, reason, blamed_on)


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
