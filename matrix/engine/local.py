"""The local engine: agents in worker processes, side by side, each under watch.

Each agent's cells run concurrently in its own worker. A worker that dies or blocks takes its cells in flight with
it; these are asked again one at a time, so that only the cell that does it bears the verdict. Questions that need all
agents at once come last, one after the other: each in all workers together, on a server of its own.
"""

from __future__ import annotations

import contextlib
import multiprocessing.connection
import os
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from matrix.adapters import certificate
from matrix.engine.messages import CannotLoad, Done, Job, NotAsked, Ready, Report, WorkerFault
from matrix.engine.process import GRACE_SECONDS, WorkerProcess, holding_interrupts, start
from matrix.engine.queue import AgentQueue, Attempt, combined
from matrix.engine.shared_server import SharedServer
from matrix.errors import ServerFault
from matrix.events import EngineEvent, Finished, Started
from matrix.lab.servers.pinned import PinnedServers
from matrix.model import Capability, Cell, Verdict
from matrix.outcome import Outcome
from matrix.planned import Plan
from matrix.sources import ServerSource

SAME_END_LIMIT = 3
"""After so many cells, asked alone, ended the worker one after the other, the rest is not asked any more."""
_LISTEN_SECONDS = 0.5


@dataclass(frozen=True)
class Options:
    """How a plan is run; `jobs` is the number of workers at once.

    `source` is where real servers come from. `grace` is how many seconds after a cell's deadline its worker may take
    to say so.
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 2)
    repeat: int = 1
    live: bool = False
    source: ServerSource = field(default_factory=PinnedServers)
    grace: float = GRACE_SECONDS


class LocalEngine:
    """Runs a plan on this machine; iterate over `run()`."""

    def __init__(self, plan: Plan, options: Options) -> None:
        self._plan = plan
        self._options = options
        self._capabilities = {each.id: each for each in plan.capabilities}
        self._agents = {each.name: each for each in plan.agents}
        self._scratch: Path | None = None
        self._active: list[AgentQueue] = []
        self._shared: SharedServer | None = None

    def run(self) -> Generator[EngineEvent]:
        """Yield events until every cell of the plan has an outcome; closing the iterator ends every process."""
        with tempfile.TemporaryDirectory(prefix="agent-matrix-", ignore_cleanup_errors=True) as scratch:
            self._scratch = Path(scratch)
            certificate.lay(self._scratch)
            try:
                yield from self._outcomes()
            finally:
                for queue in self._active:
                    if queue.worker is not None:
                        queue.worker.kill()

    def _outcomes(self) -> Iterator[EngineEvent]:
        for planned in self._plan.cells:
            if planned.verdict is not None:
                yield Finished(Outcome.of_one_attempt(planned.cell, planned.verdict, planned.reason))
        asked = [each.cell for each in self._plan.asked]
        together = [cell for cell in asked if self._capability(cell).together]
        yield from self._queues([cell for cell in asked if cell not in together], at_once=self._options.jobs)
        for group in _by_question(together):
            with contextlib.ExitStack() as stack:
                try:
                    self._shared = stack.enter_context(
                        SharedServer(self._capability(group[0]).servers[0], self._scratch)
                    )
                except ServerFault as fault:
                    for cell in group:
                        yield Finished(Outcome.of_one_attempt(cell, Verdict.ERRORED, str(fault)))
                    continue
                yield from self._queues(group, at_once=len(group))

    def _queues(self, asked: list[Cell], at_once: int) -> Iterator[EngineEvent]:
        cells: dict[str, deque[Cell]] = {}
        # The longest first: a silent server is waited for while everything else goes on.
        for cell in sorted(asked, key=lambda one: -self._capability(one).longest):
            cells.setdefault(cell.agent, deque()).extend([cell] * self._options.repeat)
        pending = deque(AgentQueue(self._agents[name], waiting) for name, waiting in cells.items())
        while pending or self._active:
            while pending and len(self._active) < at_once:
                self._active.append(pending.popleft())
            for queue in self._active:
                if queue.worker is None:
                    with holding_interrupts():
                        queue.worker = start(self._job(queue))
            if self._shared is None or all(queue.is_ready for queue in self._active):
                # Who is to meet on the shared server is asked when everybody is there.
                for queue in self._active:
                    yield from self._feed(queue)
            yield from self._listen()
            for queue in [queue for queue in self._active if not queue.unfinished]:
                self._active.remove(queue)
                if queue.worker is not None:
                    queue.worker.kill()

    def _job(self, queue: AgentQueue) -> Job:
        """Return what a worker is told: of the real servers only those that its own agent is asked about."""
        name = queue.agent.name
        servers = {each for one in self._plan.asked if one.cell.agent == name for each in one.cell.servers}
        shared = None if self._shared is None else self._shared.url
        return Job(queue.agent, self._options.source.for_worker(servers), self._options.live, shared, self._scratch)

    def _feed(self, queue: AgentQueue) -> Iterator[EngineEvent]:
        """Give a queue's worker as much as it may have in flight."""
        worker = queue.worker
        while worker is not None and worker.is_ready:
            cell = queue.next()
            if cell is None:
                return
            worker.ask(cell, self._capability(cell), self._options.grace, len(self._active))
            yield Started(cell)

    def _listen(self) -> Iterator[EngineEvent]:
        queues = {queue.worker.pipe: queue for queue in self._active if queue.worker is not None}
        sentinels = {queue.worker.process.sentinel: queue for queue in self._active if queue.worker is not None}
        heard = multiprocessing.connection.wait([*queues, *sentinels], timeout=_LISTEN_SECONDS)
        for source in heard:
            if source in queues:
                yield from self._hear(queues[source])  # pyright: ignore[reportArgumentType]
        for source in heard:
            queue = sentinels.get(source)  # pyright: ignore[reportArgumentType, reportCallIssue]
            if queue is not None and queue.worker is not None and not queue.worker.process.is_alive():
                yield from self._hear(queue)
                yield from self._lost(queue, Verdict.FAILED, _exit_reason(queue.worker))
        for queue in self._active:
            if queue.worker is not None and queue.worker.overdue:
                yield from self._lost(
                    queue, Verdict.TIMED_OUT, "the agent blocked its event loop, so its deadline went unheeded"
                )

    def _hear(self, queue: AgentQueue) -> Iterator[EngineEvent]:
        """Take in what a worker has sent, all of it, also what it sent just before it died."""
        worker = queue.worker
        if worker is None:
            return
        try:
            while worker.pipe.poll():
                yield from self._heard(queue, worker, worker.pipe.recv())
        except (EOFError, OSError):
            return

    def _heard(self, queue: AgentQueue, worker: WorkerProcess, report: Report) -> Iterator[EngineEvent]:
        match report:
            case Ready():
                worker.is_ready = True
            case Done(outcome=outcome, process_lost=True, alone=False):
                worker.in_flight.pop(outcome.cell.id, None)
                queue.alone.append(outcome.cell)
            case Done(outcome, evidence, process_lost):
                worker.in_flight.pop(outcome.cell.id, None)
                yield from self._ended(queue, Attempt(outcome, evidence), process_lost=process_lost)
            case CannotLoad(cause, mend):
                yield from self._give_up(queue, Verdict.FAILED, f"{cause}; {mend}")
            case NotAsked(reason):
                yield from self._give_up(queue, Verdict.SKIPPED, reason)
            case WorkerFault(reason):
                yield from self._give_up(queue, Verdict.ERRORED, f"the worker failed: {reason}")

    def _lost(self, queue: AgentQueue, verdict: Verdict, reason: str) -> Iterator[EngineEvent]:
        """Deal with a worker that has died or blocks."""
        worker = queue.worker
        if worker is None:
            return
        worker.kill()
        queue.worker = None
        cells = [each.cell for each in worker.in_flight.values()]
        if not worker.is_ready:
            yield from self._give_up(queue, verdict, f"loading the agent: {reason}")
        elif len(cells) == 1:
            lone = Attempt(Outcome.of_one_attempt(cells[0], verdict, reason))
            yield from self._ended(queue, lone, process_lost=True)
        else:
            queue.alone.extend(cells)

    def _ended(self, queue: AgentQueue, attempt: Attempt, *, process_lost: bool) -> Iterator[EngineEvent]:
        """Deal with a cell that has ended, and, asked alone, may have ended the process that its agent lives in."""
        queue.ended_alone = queue.ended_alone + 1 if process_lost else 0
        yield from self._record(queue, attempt)
        if queue.ended_alone >= SAME_END_LIMIT:
            outcome = attempt.outcome
            reason = f"not asked: in each of the {SAME_END_LIMIT} cells before it, {outcome.reason}"
            yield from self._give_up(queue, outcome.verdict, reason)

    def _give_up(self, queue: AgentQueue, verdict: Verdict, reason: str) -> Iterator[EngineEvent]:
        """Give every cell that is left in a queue the same verdict."""
        for cell in queue.drain():
            last = Attempt(Outcome.of_one_attempt(cell, verdict, reason))
            yield self._finished([*queue.attempts.pop(cell.id, ()), last])

    def _record(self, queue: AgentQueue, attempt: Attempt) -> Iterator[EngineEvent]:
        """Keep an attempt; after the last one the cell has its outcome."""
        attempts = queue.attempts.setdefault(attempt.outcome.cell.id, [])
        attempts.append(attempt)
        if len(attempts) == self._options.repeat:
            yield self._finished(queue.attempts.pop(attempt.outcome.cell.id))

    def _finished(self, attempts: list[Attempt]) -> Finished:
        whole = combined(attempts)
        if self._shared is not None:
            self._shared.excuse(whole.outcome.cell)
        return Finished(whole.outcome, whole.evidence)

    def _capability(self, cell: Cell) -> Capability:
        return self._capabilities[cell.capability]


def _by_question(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Return the cells question by question, whoever is asked, in their order."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.column, []).append(cell)
    return list(groups.values())


def _exit_reason(worker: WorkerProcess) -> str:
    code = worker.process.exitcode
    if code is not None and code < 0:
        return f"the agent's process was ended by signal {-code}"
    return f"the agent ended its process with exit code {code}"
