"""The workers of a run: started for the queues that need one, and kept for what is asked later."""

from __future__ import annotations

from pathlib import Path

from matrix.engine.messages import Job
from matrix.engine.options import Options
from matrix.engine.process import WorkerProcess, start
from matrix.engine.queue import AgentQueue
from matrix.lab.servers.pinned import PinnedServers
from matrix.planned import Plan
from matrix.sources import ServerSource


class WorkerPool:
    """Gives workers to queues. A worker that uses a `shared` server (its URL) is of no use for anything else."""

    def __init__(self, plan: Plan, options: Options, source: ServerSource, scratch: Path) -> None:
        self._plan = plan
        self._options = options
        self._source = source
        self._scratch = scratch
        self._kept: dict[str, WorkerProcess] = {}

    def give(self, queue: AgentQueue, shared: str | None) -> None:
        """See to it that a queue has a worker. Raises ForkServerGone."""
        if queue.worker is None:
            kept = None if shared is not None else self._kept.pop(queue.agent.name, None)
            queue.worker = kept or start(self._job(queue, shared))

    def take_back(self, queue: AgentQueue, shared: str | None) -> None:
        """Take the worker of a queue that has nothing to ask any more."""
        worker, queue.worker = queue.worker, None
        if worker is not None and self._options.keep_workers and shared is None and worker.is_ready:
            self._kept[queue.agent.name] = worker
            if len(self._kept) > self._options.jobs:  # for more there may be no memory
                self._kept.pop(next(iter(self._kept))).kill()
        elif worker is not None:
            worker.kill()

    def close(self) -> None:
        """End every worker that is kept."""
        for worker in self._kept.values():
            worker.kill()
        self._kept.clear()

    def _job(self, queue: AgentQueue, shared: str | None) -> Job:
        """Return what a worker is told: of the real servers only those that its own agent is asked about."""
        name = queue.agent.name
        servers = {each for one in self._plan.asked if one.cell.agent == name for each in one.cell.servers}
        # What starts a config's servers may have to gain privileges, such as a container's.
        apart = (
            self._options.keep_apart and queue.agent.command is None and isinstance(self._options.source, PinnedServers)
        )
        given = self._source.for_worker(servers)
        return Job(queue.agent, given, self._options.live, shared, self._scratch, apart)
