"""The cells of a matrix as tests of pytest: collected from the plan, put to the agent and to the control, judged.

Where the control is red, the reason says that the fault is ours or the server's, and not the agent's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from matrix.engine.local import LocalEngine, Options
from matrix.engine.prepare import Prepared, Wish, prepare
from matrix.errors import MatrixError
from matrix.events import Finished
from matrix.model import CONTROL, Cell, Verdict
from matrix.outcome import Outcome
from matrix.plan import Filters
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
        self._cell = cell

    def runtest(self) -> None:
        """Put the question to the agent and to the control."""
        plan = self._prepared.plan
        rows = {self._cell.agent, CONTROL}
        cells = tuple(each for each in plan.cells if each.cell.column == self._cell.column and each.cell.agent in rows)
        events = LocalEngine(replace(plan, cells=cells), Options(source=self._prepared.source)).run()
        outcomes = settled([event.outcome for event in events if isinstance(event, Finished)])
        agent = next(each for each in plan.agents if each.name == self._cell.agent)
        root = Path(agent.registration.root or self.config.rootpath)
        command = Reproduction(program(), root).command(self._cell.id, agent.registration.arguments)
        judge(replace(next(each for each in outcomes if each.cell == self._cell), command=command))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Show the reason and the command, not our traceback."""
        if isinstance(excinfo.value, Red):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test is: nowhere but in the plan."""
        return self.path, None, self.name


class Red(Exception):
    """The cell is not green."""


def judge(outcome: Outcome) -> None:
    """Turn an outcome into a pass, a skip, or a failure that says why and how to see it again."""
    if outcome.verdict in {Verdict.SKIPPED, Verdict.UNSUPPORTED}:
        pytest.skip(outcome.reason)
    if outcome.verdict is not Verdict.PASSED:
        raise Red(f"{outcome.verdict.value}: {outcome.reason}\n{outcome.reproduce}")
