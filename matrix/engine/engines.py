"""By what a run is asked: the engine of this machine, or another one behind the same face."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from matrix.effort import Effort
from matrix.engine.local import LocalEngine
from matrix.engine.meter import Meter
from matrix.engine.options import Options
from matrix.engine.prepare import Wish
from matrix.events import EngineEvent
from matrix.planned import Plan


@dataclass(frozen=True)
class Errand:
    """What an engine is to do: of the plan that a wish led to, ask what is `todo`; `jobs` where they were given."""

    wish: Wish
    plan: Plan
    todo: Plan
    options: Options
    jobs: int | None = None


class Engine(Protocol):
    """Asks cells."""

    def run(self) -> Generator[EngineEvent]:
        """Yield events until every cell has an outcome."""
        ...

    @property
    def effort(self) -> Effort | None:
        """What was taken so far; None where nothing was asked."""
        ...


class EngineKind(Protocol):
    """A kind of engine, chosen on the command line."""

    @property
    def elsewhere(self) -> bool:
        """Whether other machines ask: then what this one lacks says nothing."""
        ...

    def open(self, errand: Errand, note: Callable[[str], None]) -> AbstractContextManager[Engine]:
        """Make an engine ready. Raises UsageError before anything is asked."""
        ...


class MeteredEngine:
    """The local engine, and what it takes of this machine."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._meter = Meter()

    def run(self) -> Generator[EngineEvent]:
        """Yield events until every cell has an outcome; closing the iterator ends every process."""
        with contextlib.closing(self._engine.run()) as events:
            for event in events:
                self._meter.take(event)
                yield event

    @property
    def effort(self) -> Effort | None:
        """What was taken so far; None where nothing was asked."""
        return self._meter.effort()


class Local:
    """This machine."""

    elsewhere = False

    @contextlib.contextmanager
    def open(self, errand: Errand, note: Callable[[str], None]) -> Generator[Engine]:
        """Make an engine ready."""
        del note
        options = errand.options if errand.jobs is None else replace(errand.options, jobs=errand.jobs)
        yield MeteredEngine(LocalEngine(errand.todo, options))
