"""The pytest plugin: each cell of an agent is a test, in the agent's own repository.

    pytest --matrix my_package.agent:create_agent --matrix-capability 'invoke.*'

The cells come from the same plan as the command line's, and run in the same engine; with pytest-xdist they are spread
over its workers. The control answers each question too: where it is red, the reason says that the fault is ours or the
server's, and not the agent's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from matrix.errors import MatrixError
from matrix.model import CONTROL, Cell, Verdict
from matrix.outcome import Outcome

if TYPE_CHECKING:
    from matrix.engine.prepare import Prepared


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--matrix` and what narrows it."""
    group = parser.getgroup("matrix", "agent matrix")
    group.addoption(
        "--matrix", action="append", metavar="AGENT", help="Test this agent's cells (a name, or an import string)."
    )
    group.addoption("--matrix-capability", action="append", metavar="ID", help="Only these capabilities (globs).")
    group.addoption("--matrix-transport", action="append", metavar="NAME", help="Only these transports.")
    group.addoption("--matrix-server", action="append", metavar="NAME", help="Only these servers (globs).")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each cell that was asked for."""
    if config.getoption("matrix"):
        collector: Cells = Cells.from_parent(session, name="matrix", nodeid="matrix")  # pyright: ignore[reportUnknownMemberType]
        items.extend(collector.collect())


class Cells(pytest.Collector):
    """The cells of the agents that were named."""

    def collect(self) -> Iterator[CellTest]:
        """Plan as the command line does. A wrong option is a usage error of pytest, in one sentence."""
        from matrix.engine.prepare import Wish, prepare  # noqa: PLC0415  (sessions that ask for no matrix pay nothing)
        from matrix.plan import Filters  # noqa: PLC0415

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
        from matrix.engine.local import LocalEngine, Options  # noqa: PLC0415
        from matrix.events import Finished  # noqa: PLC0415
        from matrix.results.command import Reproduction, program  # noqa: PLC0415
        from matrix.results.judgement import settled  # noqa: PLC0415

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
