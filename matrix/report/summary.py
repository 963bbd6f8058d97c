"""What every report tells: the table's numbers, and the news with the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matrix.model import Severity, Verdict
from matrix.outcome import Blame, Matrix, Outcome

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
    """Cells of one agent and capability that came to the same, told once."""

    agent: str
    capability: str
    severity: Severity
    verdict: Verdict
    reason: str
    cells: tuple[Outcome, ...]
    expected: str | None

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
    table: dict[str, dict[str, Score]] = {}
    for agent in matrix.agents:
        mine = [each for each in matrix.outcomes if each.cell.agent == agent]
        row = {group: score_of([each for each in mine if each.cell.group == group]) for group in matrix.groups}
        table[agent] = {**row, "all": score_of(mine)}
    return table


def news(matrix: Matrix) -> tuple[News, ...]:
    """Return everything that is not green, worst first: ours, then core, expected and optional failures.

    The same reason of one agent and capability is told once. Cells that are errored because the control is red
    are told by the control's own news.
    """
    groups: dict[tuple[str, str, Verdict, str, str | None], list[Outcome]] = {}
    for outcome in matrix.outcomes:
        if outcome.verdict is Verdict.PASSED or outcome.blamed_on is Blame.CONTROL:
            continue
        whole = _concerns_whole_agent(outcome, matrix)
        capability = EVERY_CAPABILITY if whole else outcome.cell.capability
        key = (outcome.cell.agent, capability, outcome.verdict, outcome.reason, outcome.expected)
        groups.setdefault(key, []).append(outcome)
    told = [
        News(agent, capability, _severity(matrix, capability), verdict, reason, tuple(cells), expected)
        for (agent, capability, verdict, reason, expected), cells in groups.items()
    ]
    return tuple(sorted(told, key=_rank))


def _severity(matrix: Matrix, capability: str) -> Severity:
    return Severity.CORE if capability == EVERY_CAPABILITY else matrix.severity(capability)


def _concerns_whole_agent(outcome: Outcome, matrix: Matrix) -> bool:
    """Whether every cell of this agent came to the very same: a registration that cannot be loaded."""
    mine = [
        each
        for each in matrix.outcomes
        if each.cell.agent == outcome.cell.agent and each.blamed_on is not Blame.CONTROL
    ]
    several = len({each.cell.capability for each in mine}) > 1
    return several and all((each.verdict, each.reason) == (outcome.verdict, outcome.reason) for each in mine)


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
    absent = [each for each in outcomes if each.verdict in {Verdict.SKIPPED, Verdict.UNSUPPORTED}]
    asked = [each for each in outcomes if each not in absent]
    red = [each for each in asked if each.verdict is not Verdict.PASSED]
    worst = min((each.verdict for each in red), key=lambda verdict: _URGENCY[verdict], default=None)
    return Score(len(asked) - len(red), len(asked), len(absent), worst)
