"""The local engine: agents in worker processes, side by side, each under watch.

Each agent's cells run concurrently in its own worker. A worker that dies or blocks takes its cells in flight with
it; these are asked again one at a time, so that only the cell that does it bears the verdict. Cells that need all
agents at once come last, in all workers together.
"""

from __future__ import annotations

import multiprocessing.connection
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from matrix.configs.assigned import Assigned
from matrix.engine.messages import CannotLoad, Done, Job, NotAsked, Ready, WorkerFault
from matrix.engine.process import GRACE_SECONDS, WorkerProcess, start
from matrix.engine.shared_server import Commons
from matrix.events import Event, Finished, Started
from matrix.model import Agent, Capability, Cell, Outcome, Plan, Planned, Verdict

CELLS_PER_WORKER = 5
CELLS_PER_COMMAND = 2
"""Fewer for a command: each of its runs starts a process, which costs seconds of CPU, and a cell may have sixteen."""
SAME_END_LIMIT = 3
"""After so many cells, asked alone, ended the worker one after the other, the rest is not asked any more."""


@dataclass(frozen=True)
class Options:
    """How a plan is run; `jobs` is the number of workers at once.

    `grace` is how many seconds after a cell's deadline its worker may take to say so.
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 2)
    repeat: int = 1
    live: bool = False
    real: Path | None = None
    assigned: Assigned | None = None
    grace: float = GRACE_SECONDS


@dataclass
class Lane:
    """One agent's share of a run: what is still to be asked, and the worker that asks it."""

    agent: Agent
    waiting: deque[Cell]
    alone: deque[Cell] = field(default_factory=deque[Cell])
    attempts: dict[str, list[Outcome]] = field(default_factory=dict[str, list[Outcome]])
    worker: WorkerProcess | None = None
    ended_alone: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether its worker has loaded the agent."""
        return self.worker is not None and self.worker.is_ready

    @property
    def unfinished(self) -> bool:
        """Whether anything is waiting or in flight."""
        return bool(self.waiting or self.alone or (self.worker is not None and self.worker.in_flight))


class LocalEngine:
    """Runs a plan on this machine; iterate over `run()`."""

    def __init__(self, plan: Plan, options: Options) -> None:
        self._plan = plan
        self._options = options
        self._capabilities = {each.id: each for each in plan.capabilities}
        self._agents = {each.name: each for each in plan.agents}
        self._scratch = Path(tempfile.mkdtemp(prefix="agent-matrix-"))
        self._active: list[Lane] = []
        self._commons: Commons | None = None

    def run(self) -> Generator[Event]:
        """Yield events until every cell of the plan has an outcome; closing the iterator ends every process."""
        try:
            for planned in self._plan.cells:
                if planned.verdict is not None:
                    yield Finished(_decided(planned, self._agents[planned.cell.agent]))
            together = [each for each in self._plan.asked if self._capability(each.cell).together]
            alone = [each for each in self._plan.asked if not self._capability(each.cell).together]
            yield from self._lanes(alone, at_once=self._options.jobs)
            if together:
                with Commons(self._capability(together[0].cell).servers[0], self._scratch) as self._commons:
                    yield from self._lanes(together, at_once=len(together))
        finally:
            for lane in self._active:
                if lane.worker is not None:
                    lane.worker.kill()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _lanes(self, planned: list[Planned], at_once: int) -> Iterator[Event]:
        cells: dict[str, deque[Cell]] = {}
        # The longest first: a silent server is waited for while everything else goes on.
        for each in sorted(planned, key=lambda one: -self._capability(one.cell).deadline):
            cells.setdefault(each.cell.agent, deque()).extend([each.cell] * self._options.repeat)
        pending = deque(Lane(self._agents[name], waiting) for name, waiting in cells.items())
        while pending or self._active:
            while pending and len(self._active) < at_once:
                self._active.append(pending.popleft())
            for lane in self._active:
                self._staff(lane)
            if self._commons is None or all(lane.is_ready for lane in self._active):
                # Who is to meet on the commons is asked when everybody is there.
                for lane in self._active:
                    yield from self._feed(lane)
            yield from self._listen()
            for lane in [lane for lane in self._active if not lane.unfinished]:
                self._active.remove(lane)
                self._retire(lane)

    def _retire(self, lane: Lane) -> None:
        if lane.worker is not None:
            lane.worker.kill()
            lane.worker = None

    def _staff(self, lane: Lane) -> None:
        """Give a lane a worker if it has none."""
        if lane.worker is None:
            commons = None if self._commons is None else self._commons.url
            options = self._options
            lane.worker = start(
                Job(lane.agent, options.real, options.live, commons, self._scratch, self._assigned(lane))
            )

    def _assigned(self, lane: Lane) -> Assigned | None:
        """Return what a lane's agent is asked about of a config store: no worker is told of other agents' servers."""
        assigned = self._options.assigned
        if assigned is None:
            return None
        return assigned.only({each.cell.server for each in self._plan.asked if each.cell.agent == lane.agent.name})

    def _feed(self, lane: Lane) -> Iterator[Event]:
        """Give a lane's worker as much as it may have in flight: one at a time where a cell has to be alone."""
        worker = lane.worker
        at_once = CELLS_PER_WORKER if lane.agent.command is None else CELLS_PER_COMMAND
        while worker is not None and worker.is_ready:
            busy = len(worker.in_flight)
            if lane.waiting and not lane.alone and busy < at_once:
                cell = _next_not_in_flight(lane)
                if cell is None:
                    return
            elif lane.alone and not busy:
                cell = lane.alone.popleft()
            else:
                return
            worker.ask(cell, self._capability(cell).deadline, self._options.grace, len(self._active))
            yield Started(cell)

    def _listen(self) -> Iterator[Event]:
        lanes = {lane.worker.pipe: lane for lane in self._active if lane.worker is not None}
        sentinels = {lane.worker.process.sentinel: lane for lane in self._active if lane.worker is not None}
        heard = multiprocessing.connection.wait([*lanes, *sentinels], timeout=0.5)
        for source in heard:
            if source in lanes:
                yield from self._hear(lanes[source])  # pyright: ignore[reportArgumentType]
        for source in heard:
            lane = sentinels.get(source)  # pyright: ignore[reportArgumentType, reportCallIssue]
            if lane is not None and lane.worker is not None and not lane.worker.process.is_alive():
                yield from self._hear(lane)
                yield from self._lost(lane, Verdict.FAILED, _exit_reason(lane.worker))
        for lane in self._active:
            if lane.worker is not None and lane.worker.overdue:
                yield from self._lost(
                    lane, Verdict.TIMED_OUT, "the agent blocked its event loop, so its deadline went unheeded"
                )

    def _hear(self, lane: Lane) -> Iterator[Event]:
        """Take in what a worker has sent, all of it, also what it sent just before it died."""
        worker = lane.worker
        if worker is None:
            return
        try:
            while worker.pipe.poll():
                message: object = worker.pipe.recv()
                if isinstance(message, Ready):
                    worker.is_ready = True
                elif isinstance(message, Done):
                    worker.in_flight.pop(message.outcome.cell.id, None)
                    lane.ended_alone = 0
                    yield from self._record(lane, message.outcome, message.evidence)
                elif isinstance(message, CannotLoad):
                    yield from self._give_up(lane, Verdict.FAILED, f"{message.cause}; {message.mend}")
                elif isinstance(message, NotAsked):
                    yield from self._give_up(lane, Verdict.SKIPPED, message.reason)
                elif isinstance(message, WorkerFault):
                    yield from self._give_up(lane, Verdict.ERRORED, f"the worker failed: {message.reason}")
        except (EOFError, OSError):
            return

    def _lost(self, lane: Lane, verdict: Verdict, reason: str) -> Iterator[Event]:
        """Deal with a worker that has died or blocks."""
        worker = lane.worker
        if worker is None:
            return
        worker.kill()
        lane.worker = None
        cells = [each.cell for each in worker.in_flight.values()]
        if not worker.is_ready:
            reason = f"loading the agent: {reason}"
            yield from self._give_up(lane, verdict, reason)
        elif len(cells) == 1:
            lane.ended_alone += 1
            outcome = Outcome(cells[0], verdict, reason, (verdict,), registration=lane.agent.registration.given)
            yield from self._record(lane, outcome, None)
            if lane.ended_alone >= SAME_END_LIMIT:
                yield from self._give_up(
                    lane, verdict, f"not asked: in each of the {SAME_END_LIMIT} cells before it, {reason}"
                )
        else:
            lane.alone.extend(cells)

    def _give_up(self, lane: Lane, verdict: Verdict, reason: str) -> Iterator[Event]:
        """Give every cell that is left in a lane the same verdict."""
        in_flight = [] if lane.worker is None else [each.cell for each in lane.worker.in_flight.values()]
        left = dict.fromkeys([*in_flight, *lane.alone, *lane.waiting])
        lane.waiting.clear()
        lane.alone.clear()
        if lane.worker is not None:
            lane.worker.in_flight.clear()
        for cell in left:
            yield Finished(Outcome(cell, verdict, reason, (verdict,), registration=lane.agent.registration.given))

    def _record(self, lane: Lane, outcome: Outcome, evidence: Any) -> Iterator[Event]:
        """Keep an attempt; after the last one the cell has its outcome."""
        attempts = lane.attempts.setdefault(outcome.cell.id, [])
        attempts.append(outcome)
        if len(attempts) == self._options.repeat:
            yield Finished(combined(attempts), evidence)

    def _capability(self, cell: Cell) -> Capability:
        return self._capabilities[cell.capability]


def combined(attempts: list[Outcome]) -> Outcome:
    """Return the outcome of several attempts: flaky unless they all agree; never green by asking again."""
    verdicts = tuple(each.verdict for each in attempts)
    worst = next((each for each in attempts if each.verdict is not Verdict.PASSED), attempts[-1])
    duration = sum(each.duration or 0.0 for each in attempts)
    if len(set(verdicts)) == 1:
        return replace(worst, attempts=verdicts, duration=duration)
    passed = verdicts.count(Verdict.PASSED)
    reason = f"passed {passed} of {len(verdicts)} times; otherwise: {worst.reason}"
    return replace(worst, verdict=Verdict.FLAKY, reason=reason, attempts=verdicts, duration=duration)


def _next_not_in_flight(lane: Lane) -> Cell | None:
    """Take the next cell; a repeated one waits until its attempt before has ended."""
    in_flight = {} if lane.worker is None else lane.worker.in_flight
    for _ in range(len(lane.waiting)):
        cell = lane.waiting.popleft()
        if cell.id not in in_flight:
            return cell
        lane.waiting.append(cell)
    return None


def _decided(planned: Planned, agent: Agent) -> Outcome:
    verdict = planned.verdict or Verdict.ERRORED
    return Outcome(planned.cell, verdict, planned.reason, (verdict,), registration=agent.registration.given)


def _exit_reason(worker: WorkerProcess) -> str:
    code = worker.process.exitcode
    if code is not None and code < 0:
        return f"the agent's process was ended by signal {-code}"
    return f"the agent ended its process with exit code {code}"
