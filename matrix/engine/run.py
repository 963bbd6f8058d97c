"""One run, from discovery to exit code: discover → plan → run → results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from matrix.effort import Effort
from matrix.engine.engines import EngineKind, Errand, Local
from matrix.engine.header import header_of
from matrix.engine.options import Options
from matrix.engine.prepare import Prepared, Wish, prepare
from matrix.errors import INTERRUPTED, NothingKept
from matrix.events import EngineEvent, Finished, Revised, RunEvent
from matrix.model import Cell
from matrix.outcome import Matrix, Outcome, RunHeader
from matrix.planned import Plan
from matrix.processes import holding_interrupts
from matrix.results.baseline import Entry, stale
from matrix.results.command import Reproduction
from matrix.results.continuing import Kept, renewed, resumed
from matrix.results.durations import expected_seconds, known_seconds, with_seconds
from matrix.results.judgement import Judgement, exit_code
from matrix.results.reading import FILE_NAME, read_matrix
from matrix.results.writing import ResultsWriter, alone_in, write_complete

PUBLISHED = "results"
"""Where a project keeps the matrix that it publishes."""


@dataclass(frozen=True)
class Request:
    """What a run was asked for on the command line."""

    wish: Wish
    output: Path
    jobs: int | None = None
    repeat: int = 1
    share: bool = True
    baseline: tuple[Entry, ...] | None = None
    resume: bool = False
    reproduction: Reproduction = field(default_factory=Reproduction)
    engine: EngineKind = field(default_factory=Local)


class RunObserver(Protocol):
    """Whoever watches a run; told of everything, answers nothing."""

    def note(self, text: str) -> None:
        """Something that is being waited for, in one line."""
        ...

    def planned(self, plan: Plan, done: int, expected: Mapping[str, float]) -> None:
        """The run begins; `done` cells are kept from an earlier one, `expected` are the seconds of cells in it."""
        ...

    def happened(self, event: RunEvent) -> None:
        """A cell was started, has its outcome, or another one."""
        ...


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    `matrix` has the cells that it was to ask, `whole` all that are in the folder now. `stale` are baseline entries
    that no longer describe the matrix; `effort` is None where nothing was asked.
    """

    matrix: Matrix
    whole: Matrix
    exit_code: int
    stale: tuple[Entry, ...] = ()
    interrupted: bool = False
    effort: Effort | None = None


def run(request: Request, observer: RunObserver) -> RunResult:
    """Run what was asked for. Raises UsageError and its kin before anything is started."""
    wish = replace(request.wish, elsewhere=request.engine.elsewhere)
    if wish.shard != (1, 1):
        # What is published comes first: it is the same wherever the shards are run.
        wish = replace(wish, seconds=known_seconds(wish.root / PUBLISHED, request.output))
    prepared = prepare(wish, observer.note)
    with alone_in(request.output):
        return _run(replace(request, wish=wish), prepared, observer)


def _run(request: Request, prepared: Prepared, observer: RunObserver) -> RunResult:
    plan = prepared.plan
    options = Options(repeat=request.repeat, live=request.wish.live, source=prepared.source, share=request.share)
    expected = expected_seconds(plan.cells, request.output, request.wish.root / PUBLISHED)
    kept = _kept(request, plan, header_of(plan, options))
    done = {each.cell.id for each in kept.done}
    options = replace(options, expected=expected)
    todo = replace(plan, cells=tuple(each for each in plan.cells if each.cell.id not in done))
    errand = Errand(request.wish, plan, todo, options, request.jobs)
    reproduction = replace(request.reproduction, options=(*request.reproduction.options, *prepared.source.options))
    with (
        request.engine.open(errand, observer.note) as engine,
        ResultsWriter(request.output, kept.header, kept.outcomes) as results,
    ):
        settling = Settling(request, plan, kept, results, reproduction)
        events = engine.run()
        interrupted = False
        try:
            observer.planned(plan, len(kept.done), expected)
            for event in events:
                settling.take(event, observer.happened)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            events.close()
        effort = engine.effort
    result = _result(request, plan, kept, settling.outcomes, interrupted=interrupted)
    return replace(result, effort=effort)


class Settling:
    """Takes what an engine tells: what it counts for is written, and told, as soon as it is known."""

    def __init__(
        self,
        request: Request,
        plan: Plan,
        kept: Kept,
        results: ResultsWriter,
        reproduction: Reproduction,
    ) -> None:
        self._results = results
        self._agents = {each.name: each for each in plan.agents}
        self._together = {each.id for each in plan.capabilities if each.together}
        self._reproduction = reproduction
        self._run = kept.header.run
        needs = {name: each.needs for name, each in kept.header.capabilities.items()}
        self._judgement = Judgement(request.baseline or (), needs)
        self.outcomes: dict[str, Outcome] = {}
        self._written = {each.cell.id: each for each in kept.done}
        planned = {each.cell for each in plan.cells}
        for outcome in kept.outcomes:
            if outcome.cell not in planned:
                self._judgement.remember(outcome)
        for outcome in kept.done:
            self._note(outcome)

    def take(self, event: EngineEvent, tell: Callable[[RunEvent], None]) -> None:
        """Write what an event tells, and pass it on."""
        if not isinstance(event, Finished):
            tell(event)
            return
        cell = event.outcome.cell
        with holding_interrupts():
            outcome = replace(
                event.outcome,
                run=self._run,
                command=self._command(cell),
                evidence=self._results.keep(cell, event.evidence),
            )
            own, *others = self._note(outcome)
        tell(Finished(own))
        for each in others:
            tell(Revised(each))

    def _command(self, cell: Cell) -> tuple[str, ...]:
        """Return what puts a cell's question again: where all agents are asked together, that is to all of them."""
        if cell.capability not in self._together:
            return self._reproduction.command(cell.id, self._agents[cell.agent].registration.arguments)
        given = [word for each in self._agents.values() for word in each.registration.arguments]
        return self._reproduction.command(f"*::{cell.column}", [*given, "--agent", "*"] if given else ())

    def _note(self, outcome: Outcome) -> tuple[Outcome, ...]:
        settled = self._judgement.settle(outcome)
        for each in settled:
            self.outcomes[each.cell.id] = each
            if self._written.get(each.cell.id) != each:
                self._results.write(each)
        return settled


def _kept(request: Request, plan: Plan, header: RunHeader) -> Kept:
    """Return what is kept of what is in the output folder.

    That is what an interrupted run has left, where it is to be resumed, and everything that a narrow run does not
    ask, so that it never destroys a wider one.
    """
    narrow = request.wish.narrow
    if not (request.resume or narrow) or not (request.output / FILE_NAME).is_file():
        return Kept(header)
    planned = {each.cell.id for each in plan.cells}
    try:
        before = read_matrix(request.output)
    except NothingKept:
        if request.resume:
            raise
        return Kept(header)
    if not request.resume:
        return renewed(before, header, planned)
    kept = resumed(before, header, planned)
    if not narrow:
        return kept
    return renewed(before, header, planned, kept.done)


def _result(request: Request, plan: Plan, kept: Kept, asked: dict[str, Outcome], *, interrupted: bool) -> RunResult:
    everything = {**{each.cell.id: each for each in kept.outcomes}, **asked}
    complete = not interrupted and len(everything) >= kept.header.planned
    header = kept.header if request.wish.narrow or not complete else with_seconds(kept.header, everything.values())
    whole = Matrix(header, tuple(everything.values()), complete).in_order()
    mine = replace(
        whole.of(each.cell.id for each in plan.cells if each.cell.id in asked),
        header=replace(header, planned=len(plan.cells)),
        complete=not interrupted,
    )
    if interrupted:
        return RunResult(mine, whole, INTERRUPTED, interrupted=True)
    if complete:
        write_complete(request.output, whole)
    # Of a shard nobody can say whether an entry comes true in another one.
    outdated = stale(mine.outcomes, request.baseline or ()) if plan.shard is None else ()
    return RunResult(mine, whole, exit_code(mine, outdated), outdated)
