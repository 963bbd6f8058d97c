"""The cells of a matrix as tests of pytest: collected from the plan, put to the agent and to the control, judged.

Where the control is red, the reason says that the fault is ours or the server's, and not the agent's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from matrix.engine.local import LocalEngine, Options
from matrix.engine.prepare import Prepared, Wish, prepare
from matrix.errors import MatrixError
from matrix.events import EngineEvent, Finished
from matrix.model import CONTROL, Cell, Verdict
from matrix.outcome import Outcome
from matrix.plan import Filters
from matrix.planned import Planned
from matrix.results.command import Reproduction, program
from matrix.results.judgement import settled


class Cells(pytest.Collector):
    """The cells of the agents that were named."""

    def collect(self) -> Iterator[CellTest]:
        """Plan as the command line does. A wrong option is a usage error of pytest, in one sentence."""
        filters = Filters(
            agents=self._option("matrix"),
            servers=self._option("matrix_server"),
            transports=self._option("matrix_transport"),
            capabilities=self._option("matrix_capability"),
        )
        try:
            prepared = prepare(Wish(self.config.rootpath, filters), lambda _: None)
        except MatrixError as problem:
            raise pytest.UsageError(str(problem)) from problem
        for planned in prepared.plan.cells:
            if planned.cell.agent != CONTROL or CONTROL in filters.agents:
                yield CellTest.from_parent(self, name=planned.cell.id, prepared=prepared, cell=planned.cell)  # pyright: ignore[reportUnknownMemberType]

    def _option(self, name: str) -> tuple[str, ...]:
        given: list[str] | None = self.config.getoption(name)
        return tuple(given or ())


class CellTest(pytest.Item):
    """One cell as a test."""

    def __init__(self, *, prepared: Prepared, cell: Cell, **more: Any) -> None:
        super().__init__(**more)  # pyright: ignore[reportUnknownMemberType]
        self._prepared = prepared
        self.cell = cell

    def runtest(self) -> None:
        """Put the question to the agent and to the control, or wait for what came of it."""
        stash = self.config.stash
        if _ASKING not in stash:
            stash[_ASKING] = Asking(self._prepared, self.session)
        outcome = stash[_ASKING].outcome(self.cell)
        agent = next(each for each in self._prepared.plan.agents if each.name == self.cell.agent)
        root = Path(agent.registration.root or self.config.rootpath)
        command = Reproduction(program(), root).command(self.cell.id, agent.registration.arguments)
        judge(replace(outcome, command=command))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Show the reason and the command, not our traceback."""
        if isinstance(excinfo.value, Red):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test is: nowhere but in the plan."""
        return self.path, None, self.name


class Asking:
    """One engine for all tests of a session: each takes what came of its cell, and waits for that where it has to.

    All that the session will run is asked at once, so it takes as long as a run of the matrix. Where pytest-xdist deals
    tests out, nobody knows which will come: then each is asked as it comes, by workers that stay.
    """

    def __init__(self, prepared: Prepared, session: pytest.Session) -> None:
        self._plan = prepared.plan
        self._dealt = hasattr(session.config, "workerinput")
        self._wanted = {each.cell for each in session.items if isinstance(each, CellTest)}
        self._engine = LocalEngine(self._plan, Options(source=prepared.source, keep_workers=self._dealt))
        self._open = ExitStack()
        self._open.enter_context(self._engine.open())
        session.config.add_cleanup(self._open.close)
        at_once = set[Cell]() if self._dealt else self._wanted
        self._events: Iterator[EngineEvent] = self._engine.ask(self._with_control(at_once))
        self._done: dict[Cell, Outcome] = {}

    def outcome(self, cell: Cell) -> Outcome:
        """Return what a cell came to, judged beside the control's."""
        pair = [each.cell for each in self._with_control({cell})]
        if self._dealt:  # to its end: only then are the workers free for the next
            for event in self._engine.ask(each for each in self._with_control({cell}) if each.cell not in self._done):
                self._take(event)
        while not all(each in self._done for each in pair):
            self._take(next(self._events))
        judged = settled([self._done[each] for each in pair])
        return next(each for each in judged if each.cell == cell)

    def _take(self, event: EngineEvent) -> None:
        if isinstance(event, Finished):
            self._done[event.outcome.cell] = event.outcome

    def _with_control(self, cells: set[Cell]) -> tuple[Planned, ...]:
        columns = {each.column for each in cells}
        return tuple(
            each
            for each in self._plan.cells
            if each.cell in cells or (each.cell.agent == CONTROL and each.cell.column in columns)
        )


_ASKING = pytest.StashKey[Asking]()


class Red(Exception):
    """The cell is not green."""


def judge(outcome: Outcome) -> None:
    """Turn an outcome into a pass, a skip, or a failure that says why and how to see it again."""
    if outcome.verdict in {Verdict.SKIPPED, Verdict.UNSUPPORTED}:
        pytest.skip(outcome.reason)
    if outcome.verdict is not Verdict.PASSED:
        raise Red(f"{outcome.verdict.value}: {outcome.reason}\n{outcome.reproduce}")
