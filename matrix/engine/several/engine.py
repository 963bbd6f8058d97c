"""The engine of several machines: it deals cells, hears what comes of them, and sees who is lost.

Every machine plans for itself, and is asked first whether that comes to the same. Who is dealt what is ours to say, and
never Dask's: a task stays on its worker, so that we know what was in flight when one is lost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from matrix.effort import Effort
from matrix.engine.engines import Errand
from matrix.engine.messages import Done
from matrix.engine.several.cluster import HEAR_SECONDS, Address, Cluster, Heard, Task
from matrix.engine.several.dealing import Batch, Dealing, Run
from matrix.engine.several.errors import MachineDiffers, MachineRefuses, MachinesLost, NoMachines
from matrix.engine.several.facts import Difference, Facts, difference, facts_of
from matrix.engine.several.messages import Begun, Broken, Idle, Note, Order, Ready, Refused, Said
from matrix.events import EngineEvent, Finished, Started
from matrix.model import Cell, Verdict
from matrix.outcome import Outcome

PATIENCE_SECONDS = 60.0
"""How long a machine may take to come back, where none is left: Dask starts a worker again that has ended."""
_LOOK_SECONDS = 0.5
_TELL_SECONDS = 20.0
LOST_TWICE = "the machine that asked it was lost twice, the second time with nothing else in flight"
LOST_TOGETHER = "the machine was lost twice while all agents were asked together"


@dataclass
class Machine:
    """A worker of the cluster, as we know it."""

    address: str
    task: Task
    facts: Facts | None = None
    lacking: frozenset[str] = frozenset()
    incarnation: str | None = None
    batch: Batch | None = None
    unfinished: dict[str, Cell] = field(default_factory=dict[str, Cell])
    begun: set[str] = field(default_factory=set[str])
    known: frozenset[str] = frozenset()
    """The agents of its last batch, whose processes it has kept."""
    effort: Effort | None = None


class SeveralMachines:
    """Runs a plan on the workers of a cluster."""

    def __init__(self, cluster: Cluster, errand: Errand, note: Callable[[str], None], patience: float) -> None:
        self._cluster = cluster
        self._errand = errand
        self._note = note
        self._patience = patience
        options, wish = errand.options, errand.wish
        self._order = Order(
            wish.filters,
            wish.shard,
            wish.seconds,
            wish.python,
            wish.strict_pins,
            wish.isolation,
            errand.jobs,
            options.repeat,
            options.share,
            options.expected,
        )
        capabilities = {each.id: each for each in errand.plan.capabilities}
        share = options.share and options.repeat == 1
        self._dealing = Dealing([each.cell for each in errand.todo.cells], capabilities, options.expected, share)
        self._facts = facts_of(errand.plan)
        self._machines: dict[str, Machine] = {}
        self._took_part: list[Machine] = []
        self._useless: set[str] = set()
        self._looked = self._last_seen = float("-inf")
        self._began: float | None = None
        self._longest = 0.0
        self._ended = 0.0

    def muster(self) -> None:
        """Ask every machine what it has. Raises UsageError where one is not like us, or there is none."""
        began, told = time.monotonic(), False
        while not self._machines or any(each.facts is None for each in self._machines.values()):
            for _ in self._go_on(first=True):
                pass
            if not self._machines:
                raise NoMachines(self._cluster.url)
            if not told and time.monotonic() > began + _TELL_SECONDS:
                told = True
                waiting = [each.address for each in self._machines.values() if each.facts is None]
                self._note(f"waiting for {', '.join(waiting)} to plan: a worker that is busy comes to it later")

    def run(self) -> Generator[EngineEvent]:
        """Yield events until every cell has an outcome; closing the iterator leaves it to `Cluster` to end the tasks.

        Raises MachinesLost where no machine is left, and none comes.
        """
        while not self._dealing.is_over or any(each.batch for each in self._machines.values()):
            self._deal()
            for event in self._go_on():
                self._measure(event)
                yield event
            if self._machines:
                self._last_seen = time.monotonic()
            elif time.monotonic() > self._last_seen + self._patience:
                raise MachinesLost(self._cluster.url)
        self._cluster.dismiss([each.task for each in self._machines.values()])
        for each in self._cluster.heard():  # what they took, with the processes that ended last
            yield from self._heard(each, first=False)

    @property
    def effort(self) -> Effort | None:
        """What the machines have taken; a host with several workers has its processors once."""
        measured = [(each.facts, each.effort) for each in self._took_part if each.facts is not None and each.effort]
        if self._began is None or not measured:
            return None
        processors = {facts.host: facts.processors for facts, _ in measured}
        cpu = sum(effort.cpu for _, effort in measured)
        return Effort(self._ended - self._began, cpu, self._longest, sum(processors.values()))

    def _measure(self, event: EngineEvent) -> None:
        self._ended = time.monotonic()
        self._began = self._ended if self._began is None else self._began
        if isinstance(event, Finished):
            self._longest = max(self._longest, event.outcome.duration or 0.0)

    def _deal(self) -> None:
        ready = [each for each in self._machines.values() if each.facts is not None]
        for machine in ready:
            if machine.batch is not None or machine.facts is None:
                continue
            may_ask = partial(_may_ask, machine, ready)
            batch = self._dealing.next(len(ready), machine.facts.processors, may_ask, machine.known)
            if batch is not None:
                machine.batch = batch
                machine.unfinished = {each.id: each for each in batch.cells}
                machine.begun = set()
                machine.known = frozenset(each.agent for each in batch.cells)
                self._cluster.deal(machine.task, list(machine.unfinished))

    def _go_on(self, *, first: bool = False) -> Iterator[EngineEvent]:
        """Hear what the machines have said, and see, now and then, which there are."""
        heard = self._cluster.heard()
        for each in heard:
            yield from self._heard(each, first=first)
        if time.monotonic() > self._looked + _LOOK_SECONDS:
            yield from self._look(first=first)
            self._looked = time.monotonic()
        elif not heard:
            time.sleep(HEAR_SECONDS)

    def _look(self, *, first: bool) -> Iterator[EngineEvent]:
        there = self._cluster.workers()
        for machine in list(self._machines.values()):
            if machine.address not in there:
                yield from self._lost(machine)
            elif machine.task.has_ended:
                yield from self._unfit(machine, MachineRefuses(machine.address, machine.task.problem()), first=first)
        self._useless &= there
        for address in sorted(there - self._machines.keys() - self._useless):
            self._machines[address] = Machine(address, self._cluster.begin(address, self._order))

    def _heard(self, heard: Heard, *, first: bool) -> Iterator[EngineEvent]:
        machine = next((each for each in self._machines.values() if each.task.token == heard.token), None)
        if machine is None:
            return
        machine.incarnation = machine.incarnation or heard.incarnation
        if machine.incarnation != heard.incarnation:  # its worker was lost, and is back under the same address
            yield from self._lost(machine)
            return
        for said in heard.said:
            yield from self._said(machine, said, first=first)

    def _said(self, machine: Machine, said: Said, *, first: bool) -> Iterator[EngineEvent]:
        match said:
            case Note(text):
                self._note(f"{machine.address}: {text}")
            case Refused(reason) | Broken(reason):
                yield from self._unfit(machine, MachineRefuses(machine.address, reason), first=first)
            case Ready(facts, lacking):
                machine.facts, machine.lacking = facts, frozenset(lacking)
                self._took_part.append(machine)
                if (found := difference(self._facts, facts)) is not None:
                    yield from self._unfit(machine, _differs(machine, found), first=first)
            case Begun(cell):
                if cell.id in machine.unfinished:
                    machine.begun.add(cell.id)
                    yield Started(cell)
            case Done(outcome, evidence):
                if machine.unfinished.pop(outcome.cell.id, None) is not None:
                    yield Finished(outcome, evidence)
            case Idle(effort):
                machine.effort = effort
                yield from self._take_back(machine)

    def _unfit(self, machine: Machine, why: MachineDiffers | MachineRefuses, *, first: bool) -> Iterator[EngineEvent]:
        """Go on without a machine; before anything is asked, no further."""
        if first:
            raise why
        self._note(str(why))
        self._useless.add(machine.address)
        yield from self._lost(machine)

    def _lost(self, machine: Machine) -> Iterator[EngineEvent]:
        del self._machines[machine.address]
        machine.task.end()
        yield from self._take_back(machine)

    def _take_back(self, machine: Machine) -> Iterator[EngineEvent]:
        """Take back what a machine has not finished of its batch; there is nothing where it has done its part."""
        batch, machine.batch = machine.batch, None
        unfinished = list(machine.unfinished.values())
        machine.unfinished = {}
        if batch is None or not unfinished:
            return
        for cell in self._dealing.lost(batch, unfinished, machine.begun):
            if batch.together:
                yield Finished(Outcome.of_one_attempt(cell, Verdict.ERRORED, LOST_TOGETHER))
            else:
                yield Finished(Outcome.of_one_attempt(cell, Verdict.FAILED, LOST_TWICE))


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask cluster, as what a run is asked by."""

    address: Address
    patience: float = PATIENCE_SECONDS
    elsewhere = True

    @contextlib.contextmanager
    def open(self, errand: Errand, note: Callable[[str], None]) -> Generator[SeveralMachines]:
        """Connect, and see that all machines are alike. Raises UsageError."""
        with Cluster(self.address) as cluster:
            machines = SeveralMachines(cluster, errand, note, self.patience)
            machines.muster()
            yield machines


def _may_ask(machine: Machine, machines: Sequence[Machine], run: Run) -> bool:
    """Whether a machine is to ask cells: not where another one lacks less for them."""

    def lacks(each: Machine) -> int:
        return sum(cell.id in each.lacking for cell in run)

    return lacks(machine) <= min(map(lacks, machines))


def _differs(machine: Machine, found: Difference) -> MachineDiffers:
    return MachineDiffers(machine.address, found.what, found.mend)
