"""One agent's queue: what is still to be asked of it, the worker that asks, and the attempts made so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from matrix.engine.asked_again import AskedAgain, Attempt
from matrix.engine.process import WorkerProcess
from matrix.model import Agent, Capability, Cell, Verdict
from matrix.outcome import Blame, Outcome

MOST_IN_FLIGHT = 16
"""Cells of one agent: they share an event loop, and the lab beside it."""
MOST_OF_A_COMMAND = 4
"""Fewer: each of its runs starts a process, and a cell may have sixteen of them before the load shows it."""


IN_COMPANY = "in a run with others of its questions"
WHEN_BUSY = "while the machine had far more to do than it could"


@dataclass(frozen=True)
class Doubt:
    """What a cell came to where that may not have been its own doing: `where` says why."""

    attempt: Attempt
    where: str


@dataclass
class AgentQueue:
    """One agent's share of a run."""

    agent: Agent
    waiting: deque[tuple[Cell, ...]] = field(default_factory=deque[tuple[Cell, ...]])
    """Each entry is a cell, or several that share a run."""
    alone: deque[tuple[Cell, ...]] = field(default_factory=deque[tuple[Cell, ...]])
    """Those to be asked with no other in flight: their question asks for that, or a worker was lost with several."""
    attempts: dict[str, list[Attempt]] = field(default_factory=dict[str, list[Attempt]])
    doubted: dict[str, Doubt] = field(default_factory=dict[str, Doubt])
    """What cells came to that others may have been the reason of: they are asked again, each for itself."""
    worker: WorkerProcess | None = None
    asked_alone: frozenset[str] = frozenset()
    """What was asked alone last."""
    ended_alone: int = 0
    """How many cells in a row, each asked alone, have ended the worker."""

    isolated: bool = False
    """Whether it is to have nothing beside it: its worker was lost, and others may have done that."""

    hung: tuple[str, int] = ("", 0)
    """How the last cell timed out, and how many in a row have done so in the same way."""

    again: AskedAgain = field(default_factory=AskedAgain)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight, nor to be asked alone."""
        return not self.alone and (self.worker is None or not self.worker.in_flight)

    @property
    def is_ready(self) -> bool:
        """Whether its worker has loaded the agent."""
        return self.worker is not None and self.worker.is_ready

    @property
    def unfinished(self) -> bool:
        """Whether anything is waiting or in flight."""
        return bool(self.waiting or self.alone or (self.worker is not None and self.worker.in_flight))

    def next(self) -> tuple[Cell, ...] | None:
        """Take what may be asked next, if there is anything: one run at a time where it has to be alone."""
        in_flight = {} if self.worker is None else self.worker.in_flight
        if self.asked_alone & in_flight.keys():
            return None
        if self.alone:
            if in_flight:
                return None
            cells = self.alone.popleft()
            self.asked_alone = frozenset(cell.id for cell in cells)
            return cells
        at_once = MOST_IN_FLIGHT if self.agent.command is None else MOST_OF_A_COMMAND
        if len(in_flight) >= at_once:
            return None
        for _ in range(len(self.waiting)):
            cells = self.waiting.popleft()
            if not any(each.id in in_flight for each in cells):  # a repeated one waits for its attempt before
                return cells
            self.waiting.append(cells)
        return None

    def hangs(self, outcome: Outcome) -> int:
        """Take in an outcome; returns how many cells in a row have timed out in the same way, it among them."""
        reason, times = self.hung
        same = outcome.verdict is Verdict.TIMED_OUT
        self.hung = (outcome.reason, times + 1 if outcome.reason == reason else 1) if same else ("", 0)
        return self.hung[1]

    def drain(self) -> tuple[Cell, ...]:
        """Take every cell that is left, those in flight included."""
        in_flight = [] if self.worker is None else [each.cell for each in self.worker.in_flight.values()]
        waiting = [each for cells in (*self.alone, *self.waiting) for each in cells]
        left = tuple(dict.fromkeys([*in_flight, *waiting]))
        self.waiting.clear()
        self.alone.clear()
        if self.worker is not None:
            self.worker.in_flight.clear()
        return left


def shared_runs(cells: Iterable[Cell], capabilities: Mapping[str, Capability]) -> list[tuple[Cell, ...]]:
    """Return the cells of one agent, together where they can be read from one run, in the order of the first of each.

    That are those whose capabilities say so, of the same servers, transport and revision.
    """
    runs: dict[object, list[Cell]] = {}
    for cell in cells:
        shares = capabilities[cell.capability].shares_a_run
        runs.setdefault(cell.where if shares else cell.id, []).append(cell)
    return [tuple(each) for each in runs.values()]


def whose_turn(active: Sequence[AgentQueue]) -> Sequence[AgentQueue]:
    """Return the queues that may be given something: all, or the one that has to be by itself, once it is."""
    for queue in active:
        queue.isolated = queue.isolated and not (queue.is_ready and queue.is_idle)
    by_itself = next((queue for queue in active if queue.isolated), None)
    if by_itself is None:
        return active
    for other in active:
        if other is not by_itself and other.worker is not None:
            if other.worker.in_flight or not other.is_ready:
                return []
            other.worker.kill()
            other.worker = None
    return [by_itself]


def by_question(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Return the cells question by question, whoever is asked, in their order."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.column, []).append(cell)
    return list(groups.values())


def confirmed(alone: Attempt, doubt: Doubt) -> Attempt:
    """Return what a cell came to alone; where it was not green only before, that is told, and both are in evidence."""
    if alone.outcome.verdict is not Verdict.PASSED:
        return alone
    before = doubt.attempt.outcome
    note = f"asked alone it passed; {doubt.where} it was {before.verdict.value}: {before.reason}"
    outcome = replace(alone.outcome, advice=(*alone.outcome.advice, note))
    return Attempt(outcome, {**alone.evidence, "before": doubt.attempt.evidence} if alone.evidence else alone.evidence)


def combined(attempts: Sequence[Attempt]) -> Attempt:
    """Return what several attempts come to: flaky unless they all agree; never green by asking again.

    An attempt that was errored says nothing of the agent, and then neither do the others. The evidence is that of the
    attempt that decides: the first that was errored, else the first that was not passed.
    """
    if len(attempts) == 1:
        return attempts[0]
    verdicts = tuple(each.outcome.verdict for each in attempts)
    measured = [each.outcome.duration for each in attempts if each.outcome.duration is not None]
    duration = sum(measured) if measured else None
    errored = [number for number, verdict in enumerate(verdicts) if verdict is Verdict.ERRORED]
    red = [number for number, verdict in enumerate(verdicts) if verdict is not Verdict.PASSED]
    number = [*errored, *red, 0][0]
    decisive = attempts[number]
    outcome = replace(decisive.outcome, attempts=verdicts, duration=duration)
    if len(set(verdicts)) == 1:
        return Attempt(outcome, decisive.evidence)
    if outcome.verdict is Verdict.ERRORED:
        reason = f"attempt {number + 1} of {len(verdicts)}: {outcome.reason}"
        return Attempt(replace(outcome, reason=reason), decisive.evidence)
    passed = verdicts.count(Verdict.PASSED)
    if all(verdict.is_agents_fault for verdict in verdicts):
        return Attempt(outcome, decisive.evidence)  # it never passed: how it failed the first time is what is told
    reason = f"passed {passed} of {len(verdicts)} times; otherwise: {outcome.reason}"
    return Attempt(replace(outcome, verdict=Verdict.FLAKY, reason=reason, blamed_on=Blame.AGENT), decisive.evidence)
