"""The local engine: agents in worker processes, side by side, each under watch.

Each agent's cells run concurrently in its own worker. A worker that dies or blocks takes its cells in flight with
it; these are asked again one at a time, so that only the cell that does it bears the verdict. Questions that need all
agents at once come last, one after the other: each in all workers together, on a server of its own.
"""

from __future__ import annotations

import contextlib
import select
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from matrix.adapters import certificate
from matrix.engine.asked_again import Attempt
from matrix.engine.fork_server import ForkServerGone, fork_server
from matrix.engine.messages import CannotLoad, Done, NotAsked, Ready, Report, WorkerFault
from matrix.engine.options import Options
from matrix.engine.places import TICK_SECONDS, Places
from matrix.engine.pool import WorkerPool
from matrix.engine.process import FORK_SERVER_ENDED, INTRUDED, InFlight, Lost, WorkerProcess
from matrix.engine.queue import (
    IN_COMPANY,
    WHEN_BUSY,
    AgentQueue,
    Doubt,
    by_question,
    combined,
    confirmed,
    shared_runs,
    whose_turn,
)
from matrix.engine.scratch import scratch_folder
from matrix.engine.shared_server import SharedServer
from matrix.errors import ServerFault
from matrix.events import EngineEvent, Finished, Started
from matrix.model import Capability, Cell, Verdict
from matrix.outcome import Outcome
from matrix.planned import Plan, Planned

SAME_END_LIMIT = 3
"""After so many cells, asked alone, ended the worker one after the other, the rest is not asked any more."""
HELD_LIMIT = 2
"""After fewer, where it held its event loop each time: that takes longer to see."""
HUNG_LIMIT = 5
"""After so many cells that timed out in the same way, one after the other, neither."""
_LISTEN_SECONDS = 0.5


class LocalEngine:
    """Runs a plan on this machine; iterate over `run()`."""

    def __init__(self, plan: Plan, options: Options) -> None:
        self._plan = plan
        self._options = options
        self._capabilities = {each.id: each for each in plan.capabilities}
        self._agents = {each.name: each for each in plan.agents}
        self._scratch: Path
        self._pool: WorkerPool
        self._active: list[AgentQueue] = []
        self._shared: SharedServer | None = None
        self._places = Places()

    def run(self) -> Generator[EngineEvent]:
        """Yield events until every cell of the plan has an outcome; closing the iterator ends every process."""
        with self.open():
            yield from self.ask(self._plan.cells)

    @contextlib.contextmanager
    def open(self) -> Generator[None]:
        """Hold open what all cells share, for as long as there is something to `ask`; ends every process."""
        with scratch_folder() as self._scratch:
            certificate.lay(self._scratch)
            with self._options.source.serving(self._plan.real_over_stdio, self._scratch) as source:
                self._pool = WorkerPool(self._plan, self._options, source, self._scratch)
                try:
                    yield
                finally:
                    for queue in self._active:
                        if queue.worker is not None:
                            queue.worker.kill()
                    self._pool.close()

    def ask(self, cells: Iterable[Planned]) -> Iterator[EngineEvent]:
        """Yield events until each of these cells of the plan has an outcome."""
        whole = tuple(cells)
        for planned in whole:
            if planned.verdict is not None:
                yield Finished(Outcome.of_one_attempt(planned.cell, planned.verdict, planned.reason))
        asked = [each.cell for each in whole if each.verdict is None]
        together = [cell for cell in asked if self._capability(cell).together]
        yield from self._queues([cell for cell in asked if cell not in together], at_once=self._options.jobs)
        for group in by_question(together):
            with contextlib.ExitStack() as stack:
                try:
                    server = SharedServer(self._capability(group[0]).servers[0], self._scratch)
                    self._shared = stack.enter_context(server)
                except ServerFault as fault:
                    for cell in group:
                        yield Finished(Outcome.of_one_attempt(cell, Verdict.ERRORED, str(fault)))
                    continue
                try:
                    yield from self._queues(group, at_once=len(group))
                finally:
                    self._shared = None

    def _queues(self, asked: list[Cell], at_once: int) -> Iterator[EngineEvent]:
        by_agent: dict[str, list[Cell]] = {}
        # The longest first: a silent server is waited for while everything else goes on.
        expected = self._options.expected
        for cell in sorted(asked, key=lambda one: (-expected.get(one.id, 0.0), -self._capability(one).longest)):
            by_agent.setdefault(cell.agent, []).append(cell)
        pending = deque(self._queue(name, cells) for name, cells in by_agent.items())
        while pending or self._active:
            self._options.each_turn()
            while pending and len(self._active) < at_once:
                self._active.append(pending.popleft())
            try:
                yield from self._go_on()
            except ForkServerGone:
                yield from self._all_lost()
            for queue in [queue for queue in self._active if not queue.unfinished]:
                self._active.remove(queue)
                self._pool.take_back(queue, self._shared_url)

    def _queue(self, name: str, cells: list[Cell]) -> AgentQueue:
        share = self._options.share and self._options.repeat == 1
        runs = shared_runs(cells, self._capabilities) if share else [(cell,) for cell in cells]
        queue = AgentQueue(self._agents[name])
        for run in runs:
            alone = any(self._capability(cell).alone for cell in run)
            (queue.alone if alone else queue.waiting).extend([run] * self._options.repeat)
        return queue

    def _feed(self, turns: Sequence[AgentQueue]) -> Iterator[EngineEvent]:
        """Give workers something to do, one after the other, for as long as there are places."""
        in_flight = sum(len(queue.worker.in_flight) for queue in self._active if queue.worker is not None)
        free = len(turns) if self._shared is not None else self._places.free(in_flight)
        hungry = deque(turns)
        while hungry and free > 0:
            queue = hungry.popleft()
            cells = queue.next() if queue.worker is not None and queue.worker.is_ready else None
            if queue.worker is not None and cells is not None:
                longest = max(map(self._capability, cells), key=lambda each: each.longest)
                if self._options.live:  # nobody sees a live model think
                    longest = replace(longest, silence=longest.deadline)
                queue.worker.ask(cells, longest, self._options.grace, len(self._active))
                yield from map(Started, cells)
                hungry.append(queue)
                free -= 1

    def _go_on(self) -> Iterator[EngineEvent]:
        """Start, feed and hear the workers whose turn it is. Raises ForkServerGone."""
        turns = whose_turn(self._active)
        for queue in turns:
            self._pool.give(queue, self._shared_url)
        if self._shared is None or all(queue.is_ready for queue in self._active):
            # Who is to meet on the shared server is asked when everybody is there.
            yield from self._feed(turns)
        yield from self._listen()

    def _listen(self) -> Iterator[EngineEvent]:
        poll = select.poll()
        poll.register(fork_server(), select.POLLIN)
        for queue in self._active:
            if queue.worker is not None:
                poll.register(queue.worker.channel, select.POLLIN)
        hungry = any(queue.waiting for queue in self._active)
        poll.poll((TICK_SECONDS if hungry else _LISTEN_SECONDS) * 1000)
        for queue in self._active:
            if (worker := queue.worker) is None:
                continue
            for said in worker.heard():
                yield from self._heard(queue, worker, said)
            if queue.worker is worker and (lost := worker.lost()) is not None:
                yield from self._lost(queue, lost)

    def _heard(self, queue: AgentQueue, worker: WorkerProcess, report: Report) -> Iterator[EngineEvent]:
        match report:
            case Ready():
                worker.is_ready = True
            case Done(outcome, evidence):
                asked = worker.in_flight.pop(outcome.cell.id, None)
                if asked is None:
                    worker.intruded = True
                    return
                if report.process_lost and not report.alone:
                    queue.alone.append((outcome.cell,))
                elif asked.shared and outcome.verdict is not Verdict.PASSED:
                    # That others shared its run must not be the reason: what it comes to alone counts.
                    queue.ended_alone = 0
                    queue.doubted[outcome.cell.id] = Doubt(Attempt(outcome, evidence), IN_COMPANY)
                    alone = self._capability(outcome.cell).alone
                    (queue.alone if alone else queue.waiting).appendleft((outcome.cell,))
                elif self._was_crowded(queue, asked, outcome):
                    queue.doubted[outcome.cell.id] = Doubt(Attempt(outcome, evidence), WHEN_BUSY)
                    queue.alone.append((outcome.cell,))
                else:
                    yield from self._ended(queue, Attempt(outcome, evidence), process_lost=report.process_lost)
            case CannotLoad(cause, mend):
                yield from self._give_up(queue, Verdict.FAILED, f"{cause}; {mend}")
            case NotAsked(reason):
                yield from self._give_up(queue, Verdict.SKIPPED, reason)
            case WorkerFault(reason):
                yield from self._give_up(queue, Verdict.ERRORED, f"the worker failed: {reason}")

    def _was_crowded(self, queue: AgentQueue, asked: InFlight, outcome: Outcome) -> bool:
        """Whether a red cell may be the fault of a busy machine; one that was doubted already is taken as it is."""
        blamed = outcome.verdict.is_agents_fault and self._shared is None and self._options.repeat == 1
        return blamed and outcome.cell.id not in queue.doubted and self._places.was_crowded_since(asked.began)

    def _lost(self, queue: AgentQueue, lost: Lost) -> Iterator[EngineEvent]:
        """Deal with a worker that is of no use any more: what was in flight is asked again alone, before it is blamed.

        Where others may have done it, it is asked again with nothing else in flight.
        """
        worker = queue.worker
        if worker is None:
            return
        worker.kill()
        queue.worker = None
        cells = [each.cell for each in worker.in_flight.values()]
        if lost.by_anybody and self._shared is None and not queue.isolated and len(self._active) > 1:
            queue.isolated = True
            self._ask_again(queue, cells, lost)
        elif not worker.is_ready:
            yield from self._give_up(queue, lost.verdict, f"loading the agent: {lost.reason}")
        elif lost is INTRUDED:  # nothing that it says from now on could be believed
            yield from self._give_up(queue, lost.verdict, lost.reason, (*cells, *queue.drain()))
        elif len(cells) == 1:
            lone = Attempt(Outcome.of_one_attempt(cells[0], lost.verdict, lost.reason))
            yield from self._ended(queue, lone, process_lost=True)
        else:
            self._ask_again(queue, cells, lost)

    def _ask_again(self, queue: AgentQueue, cells: Sequence[Cell], lost: Lost) -> None:
        queue.alone.extend((cell,) for cell in cells)
        queue.again.expect(cells, lost)

    def _ended(self, queue: AgentQueue, attempt: Attempt, *, process_lost: bool) -> Iterator[EngineEvent]:
        """Deal with a cell that has ended, and, asked alone, may have ended the process that its agent lives in."""
        queue.ended_alone = queue.ended_alone + 1 if process_lost else 0
        for each in queue.again.settle(attempt, ended_worker=process_lost):  # and those that were waiting for it
            yield from self._keep(queue, each)
        outcome, times = attempt.outcome, max(queue.ended_alone, queue.hangs(attempt.outcome))
        enough = HELD_LIMIT if outcome.verdict is Verdict.TIMED_OUT else SAME_END_LIMIT
        if queue.ended_alone >= enough or times >= HUNG_LIMIT:
            reason = f"not asked: in each of the {times} cells before it, {outcome.reason}"
            yield from self._give_up(queue, outcome.verdict, reason)

    def _all_lost(self) -> Iterator[EngineEvent]:
        """Deal with the end of the fork server, and with it of every worker."""
        working = [queue for queue in self._active if queue.worker is not None]
        if len(working) == 1:
            yield from self._lost(working[0], FORK_SERVER_ENDED)
            return
        for queue in working:
            if queue.worker is not None:
                self._ask_again(queue, [each.cell for each in queue.worker.in_flight.values()], FORK_SERVER_ENDED)
                queue.isolated = bool(queue.worker.in_flight) or not queue.worker.is_ready
                queue.worker.kill()
                queue.worker = None
        if self._shared is not None:
            for queue in working:
                yield from self._give_up(queue, Verdict.ERRORED, "one of the agents ended the processes of all")

    def _give_up(
        self, queue: AgentQueue, verdict: Verdict, reason: str, cells: Iterable[Cell] | None = None
    ) -> Iterator[EngineEvent]:
        """Give every cell that is left in a queue the same verdict."""
        for held in queue.again.release():
            yield from self._keep(queue, held)
        for cell in dict.fromkeys(queue.drain() if cells is None else cells):
            last = Attempt(Outcome.of_one_attempt(cell, verdict, reason))
            yield self._finished([*queue.attempts.pop(cell.id, ()), last])

    def _keep(self, queue: AgentQueue, attempt: Attempt) -> Iterator[EngineEvent]:
        """Keep an attempt; after the last one the cell has its outcome."""
        attempts = queue.attempts.setdefault(attempt.outcome.cell.id, [])
        attempts.append(attempt)
        if len(attempts) == self._options.repeat:
            whole = queue.attempts.pop(attempt.outcome.cell.id)
            doubted = queue.doubted.pop(attempt.outcome.cell.id, None)
            yield self._finished(whole if doubted is None else [confirmed(whole[0], doubted)])

    def _finished(self, attempts: list[Attempt]) -> Finished:
        whole = combined(attempts)
        if self._shared is not None:
            self._shared.excuse(whole.outcome.cell)
        return Finished(whole.outcome, whole.evidence)

    @property
    def _shared_url(self) -> str | None:
        return None if self._shared is None else self._shared.url

    def _capability(self, cell: Cell) -> Capability:
        return self._capabilities[cell.capability]
