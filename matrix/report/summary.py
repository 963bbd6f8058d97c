"""What every report tells: the table's numbers, and the news with the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from matrix.model import Severity, Verdict
from matrix.outcome import Blame, Matrix, Outcome

K = TypeVar("K")
_URGENCY = {
    Verdict.ERRORED: 0,
    Verdict.FAILED: 1,
    Verdict.TIMED_OUT: 1,
    Verdict.FLAKY: 2,
    Verdict.UNSUPPORTED: 3,
    Verdict.SKIPPED: 4,
}
BRIEF = 240
"""How many characters of a reason a table, or a line of progress, has room for."""
EVERY_CAPABILITY = "*"
"""What news says in place of a capability where a whole row came to the very same."""
_SHOWN = 3
_IN_WORDS = {
    Blame.SERVER: "the server's fault",
    Blame.MATRIX: "our fault",
    Blame.CONTROL: "the control is red",
}
_WEIGHT = {Severity.CORE: 0, Severity.EXPECTED: 1, Severity.OPTIONAL: 2}


@dataclass(frozen=True)
class Score:
    """How many cells passed of those that were asked; `absent` were skipped or are honestly unsupported."""

    passed: int = 0
    asked: int = 0
    absent: int = 0
    worst: Verdict | None = None

    def __str__(self) -> str:
        """`passed/asked`, or a dash where nothing was asked."""
        return f"{self.passed}/{self.asked}" if self.asked else "–"


@dataclass(frozen=True)
class News:
    """Cells of one agent that came to the same, told once: one cause, however many cells.

    `resting` are those that only repeat it. `severity` is the worst of the capabilities'.
    """

    agent: str
    capabilities: tuple[str, ...]
    severity: Severity
    verdict: Verdict
    reason: str
    cells: tuple[Outcome, ...]
    expected: str | None
    resting: tuple[Outcome, ...] = ()

    @property
    def capability(self) -> str:
        """The capabilities in words."""
        more = f" and {len(self.capabilities) - _SHOWN} more" if len(self.capabilities) > _SHOWN else ""
        return ", ".join(self.capabilities[:_SHOWN]) + more

    @property
    def cause(self) -> str:
        """How many cells come of one cause, where these are several questions' or others rest on them."""
        count = len(self.cells) + len(self.resting)
        if len(self.capabilities) == 1 and not self.resting:
            return ""
        rest = f", {len(self.resting)} of them unsupported because they rest on it" if self.resting else ""
        return f"one cause, {count} cells{rest}"

    @property
    def rule(self) -> str | None:
        """The address of the rule that was broken."""
        return self.cells[0].rule

    @property
    def judged(self) -> str:
        """The verdict, and whose fault it is where that is no agent's."""
        return judged(self.cells[0])

    @property
    def where(self) -> str:
        """The servers, transports and revisions that it concerns."""
        if self.capability == EVERY_CAPABILITY:
            return f"all {len(self.cells)} cells"
        more = f" and {len(self.cells) - _SHOWN} more" if len(self.cells) > _SHOWN else ""
        return ", ".join(each.cell.where for each in self.cells[:_SHOWN]) + more

    @property
    def reproduce(self) -> str:
        """The command that puts these questions again."""
        return self.cells[0].reproduce


def judged(outcome: Outcome) -> str:
    """Return an outcome's verdict in words, with whose fault it is where it is nobody's of that row."""
    blame = outcome.blamed_on
    if outcome.verdict is not Verdict.ERRORED or blame is None or blame not in _IN_WORDS:
        return outcome.verdict.value
    return f"{outcome.verdict.value} ({_IN_WORDS[blame]})"


def brief(reason: str) -> str:
    """Return a reason as a table has it; the whole is in the results and in the cell's story."""
    return reason if len(reason) <= BRIEF else f"{reason[: BRIEF - 1].rstrip()}…"


def scores(matrix: Matrix) -> dict[str, dict[str, Score]]:
    """Return agent → group → score; the group `all` sums up."""
    found = sorted_by(matrix.outcomes, lambda each: (each.cell.agent, each.cell.group))
    whole = sorted_by(matrix.outcomes, lambda each: each.cell.agent)
    groups = matrix.groups
    return {
        agent: {**{group: score_of(found.get((agent, group), ())) for group in groups}, "all": score_of(whole[agent])}
        for agent in matrix.agents
    }


def sorted_by(outcomes: Iterable[Outcome], key: Callable[[Outcome], K]) -> dict[K, list[Outcome]]:
    """Return the outcomes by what a key says of them, in their order."""
    found: dict[K, list[Outcome]] = {}
    for each in outcomes:
        found.setdefault(key(each), []).append(each)
    return found


def news(matrix: Matrix) -> tuple[News, ...]:
    """Return everything that is not green, worst first: ours, then core, expected and optional failures.

    The same reason of one agent is told once, and with it the cells that rest on it. Cells that are errored because
    the control is red are told by the control's own news.
    """
    there = {each.cell.id for each in matrix.outcomes}
    groups: dict[tuple[str, Verdict, str, str | None], list[Outcome]] = {}
    resting: dict[str, list[Outcome]] = {}
    for outcome in matrix.outcomes:
        if outcome.verdict is Verdict.PASSED or outcome.blamed_on is Blame.CONTROL:
            continue
        if outcome.rests_on in there:
            resting.setdefault(str(outcome.rests_on), []).append(outcome)
        else:
            key = (outcome.cell.agent, outcome.verdict, outcome.reason, outcome.expected)
            groups.setdefault(key, []).append(outcome)
    alike = _rows_that_came_to_one(matrix)
    told = [_told(matrix, cells, resting, whole=cells[0].cell.agent in alike) for cells in groups.values()]
    return tuple(sorted(told, key=_rank))


def _told(matrix: Matrix, cells: Sequence[Outcome], resting: Mapping[str, Sequence[Outcome]], *, whole: bool) -> News:
    first = cells[0]
    names = tuple(dict.fromkeys(each.cell.capability for each in cells))
    if whole:
        names = (EVERY_CAPABILITY,)
    return News(
        first.cell.agent,
        names,
        Severity.CORE
        if EVERY_CAPABILITY in names
        else min(map(matrix.severity, names), key=lambda each: _WEIGHT[each]),
        first.verdict,
        first.reason,
        tuple(cells),
        first.expected,
        tuple(other for each in cells for other in resting.get(each.cell.id, ())),
    )


def advice(matrix: Matrix) -> dict[str, tuple[str, ...]]:
    """Return what the specification recommends and agents did not do, each with their names, sorted."""
    given: dict[str, set[str]] = {}
    for outcome in matrix.outcomes:
        for text in outcome.advice:
            given.setdefault(text, set()).add(outcome.cell.agent)
    return {text: tuple(sorted(agents)) for text, agents in sorted(given.items())}


def _rows_that_came_to_one(matrix: Matrix) -> set[str]:
    """Return the agents of which every cell came to the very same: a registration that cannot be loaded."""
    mine = sorted_by(
        (each for each in matrix.outcomes if each.blamed_on is not Blame.CONTROL), lambda each: each.cell.agent
    )
    return {
        agent
        for agent, cells in mine.items()
        if len({each.cell.capability for each in cells}) > 1
        and len({(each.verdict, each.reason) for each in cells}) == 1
    }


def _rank(each: News) -> tuple[int, int, int, str, str]:
    return (
        each.expected is not None,
        _URGENCY.get(each.verdict, 9),
        _WEIGHT[each.severity],
        each.agent,
        each.capability,
    )


def score_of(outcomes: Sequence[Outcome]) -> Score:
    """Return how many of these passed, of those that were asked."""
    asked = [each.verdict for each in outcomes if each.verdict not in {Verdict.SKIPPED, Verdict.UNSUPPORTED}]
    red = [verdict for verdict in asked if verdict is not Verdict.PASSED]
    worst = min(red, key=lambda verdict: _URGENCY[verdict], default=None)
    return Score(len(asked) - len(red), len(asked), len(outcomes) - len(asked), worst)
