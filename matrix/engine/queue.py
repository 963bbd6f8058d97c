"""One agent's queue: what is still to be asked of it, the worker that asks, and the attempts made so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from matrix.engine.asked_again import AskedAgain, Attempt
from matrix.engine.process import WorkerProcess
from matrix.model import Agent, Cell, Verdict
from matrix.outcome import Blame

CELLS_PER_WORKER = 5
CELLS_PER_COMMAND = 2
"""Fewer for a command: each of its runs starts a process, which costs seconds of CPU, and a cell may have sixteen."""


@dataclass
class AgentQueue:
    """One agent's share of a run."""

    agent: Agent
    waiting: deque[Cell]
    alone: deque[Cell] = field(default_factory=deque[Cell])
    """Cells to be asked with no other in flight: their question asks for that, or a worker was lost with several."""
    attempts: dict[str, list[Attempt]] = field(default_factory=dict[str, list[Attempt]])
    worker: WorkerProcess | None = None
    asked_alone: str = ""
    """The cell that was asked alone last."""
    ended_alone: int = 0
    """How many cells in a row, each asked alone, have ended the worker."""

    isolated: bool = False
    """Whether it is to have nothing beside it: its worker was lost, and others may have done that."""

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

    def next(self) -> Cell | None:
        """Take the next cell that may be asked now, if there is one: one at a time where it has to be alone."""
        in_flight = {} if self.worker is None else self.worker.in_flight
        if self.asked_alone in in_flight:
            return None
        if self.alone:
            if in_flight:
                return None
            cell = self.alone.popleft()
            self.asked_alone = cell.id
            return cell
        at_once = CELLS_PER_WORKER if self.agent.command is None else CELLS_PER_COMMAND
        if len(in_flight) >= at_once:
            return None
        for _ in range(len(self.waiting)):
            cell = self.waiting.popleft()
            if cell.id not in in_flight:  # a repeated one waits until its attempt before has ended
                return cell
            self.waiting.append(cell)
        return None

    def drain(self) -> tuple[Cell, ...]:
        """Take every cell that is left, those in flight included."""
        in_flight = [] if self.worker is None else [each.cell for each in self.worker.in_flight.values()]
        left = tuple(dict.fromkeys([*in_flight, *self.alone, *self.waiting]))
        self.waiting.clear()
        self.alone.clear()
        if self.worker is not None:
            self.worker.in_flight.clear()
        return left


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
