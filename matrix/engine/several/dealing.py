"""Who is dealt what, and what becomes of the cells of a machine that is lost; pure.

A batch has cells of a few agents, for each agent's process keeps one processor busy; batches become smaller towards
the end, so that all machines end together. What has to be asked of all agents at once goes whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from matrix.engine.queue import by_question, shared_runs
from matrix.model import Capability, Cell

LEAST_SECONDS = 20.0
"""Of the cells of a batch together: many of them wait at the same time, so that they take far less."""
_UNKNOWN_SECONDS = 1.0
_BATCHES_LEFT = 2
"""A machine is dealt what would leave it with so many batches of this size."""

Run = tuple[Cell, ...]
"""Cells that may share a run: they are not parted."""


@dataclass(frozen=True)
class Batch:
    """What a machine is to ask next.

    `together` are the cells of one question for all agents at once; what is asked `again`, by itself, was in flight
    when a machine was lost.
    """

    cells: tuple[Cell, ...]
    together: bool = False
    again: bool = False


class Dealing:
    """The cells that nobody has been dealt, and what is known of those that were lost."""

    def __init__(
        self, cells: Sequence[Cell], capabilities: Mapping[str, Capability], expected: Mapping[str, float], share: bool
    ) -> None:
        self._expected = expected
        together = [cell for cell in cells if capabilities[cell.capability].together]
        self._together = deque(Batch(tuple(column), together=True) for column in by_question(together))
        self._again: deque[Batch] = deque()
        self._lost: set[str] = set()
        self._pool: dict[str, deque[Run]] = {}
        self._seconds: dict[str, float] = {}
        by_agent: dict[str, list[Cell]] = {}
        for cell in cells:
            if not capabilities[cell.capability].together:
                by_agent.setdefault(cell.agent, []).append(cell)
        for agent, mine in by_agent.items():
            runs = shared_runs(mine, capabilities) if share else [(cell,) for cell in mine]
            self._pool[agent] = deque(sorted(runs, key=lambda run: -self._takes(run)))
            self._seconds[agent] = sum(map(self._takes, runs))

    @property
    def is_over(self) -> bool:
        """Whether everything is dealt."""
        return not (self._together or self._again or any(self._pool.values()))

    def next(
        self, machines: int, processors: int, may_ask: Callable[[Run], bool], known: Collection[str] = ()
    ) -> Batch | None:
        """Return what one of so many machines asks next; None where nothing is left that it may ask.

        `known` are the agents whose processes it has already.
        """
        by_rest = sorted(self._pool, key=lambda name: (name not in known, -self._seconds[name], name))
        agents = [name for name in by_rest if self._pool[name]][: processors + 1]
        if dealt := self._from_pool(agents, self._size(machines), may_ask):
            return Batch(tuple(dealt))
        # Last what is asked again: whoever is among these may cost us another machine.
        for batches in (self._together, self._again):
            for batch in batches:
                if may_ask(batch.cells):
                    batches.remove(batch)
                    return batch
        return None

    def lost(self, batch: Batch, unfinished: Sequence[Cell], begun: Collection[str]) -> tuple[Cell, ...]:
        """Take back what was not finished of a lost machine's batch; returns the cells that are not asked any more.

        What was in flight is asked again by itself, everything else as if it had not been dealt. A machine may be
        lost before it can say what it has begun: what was lost twice without is asked by itself too.
        """
        if batch.again:
            return tuple(unfinished)
        if batch.together:
            self._again.append(replace(batch, cells=tuple(unfinished), again=True))
            return ()
        for cell in unfinished:
            if cell.id in begun or cell.id in self._lost:
                self._again.append(Batch((cell,), again=True))
            else:
                self._lost.add(cell.id)
                self._pool[cell.agent].append((cell,))
                self._seconds[cell.agent] += self._takes((cell,))
        return ()

    def _size(self, machines: int) -> float:
        return max(LEAST_SECONDS, sum(self._seconds.values()) / (_BATCHES_LEFT * max(1, machines)))

    def _from_pool(self, agents: Sequence[str], seconds: float, may_ask: Callable[[Run], bool]) -> list[Cell]:
        """Take runs of these agents, in turn, until they take so many seconds."""
        turns = deque(agents)
        dealt: list[Cell] = []
        while turns and seconds > 0:
            agent = turns.popleft()
            runs = self._pool[agent]
            run = next(filter(may_ask, runs), None)
            if run is not None:
                runs.remove(run)
                dealt += run
                seconds -= self._takes(run)
                self._seconds[agent] -= self._takes(run)
                turns.append(agent)
        return dealt

    def _takes(self, run: Run) -> float:
        return sum(self._expected.get(cell.id, _UNKNOWN_SECONDS) for cell in run)
