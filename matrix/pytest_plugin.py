"""The pytest plugin: each cell of an agent is a test, in the agent's own repository.

    pytest --matrix my_package.agent:create_agent --matrix-capability 'invoke.*'

The cells come from the same plan as the command line's, and run in the same engine; with pytest-xdist they are spread
over its workers. The control answers each question too, so that our own fault is an error and not a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matrix.errors import MatrixError
from matrix.model import Outcome, Plan, Verdict


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
        from matrix.engine.run import Request, prepare  # noqa: PLC0415
        from matrix.plan import Filters  # noqa: PLC0415  (sessions that ask for no matrix pay nothing)

        filters = Filters(
            agents=self._option("matrix"),
            servers=self._option("matrix_server"),
            transports=self._option("matrix_transport"),
            capabilities=self._option("matrix_capability"),
        )
        try:
            plan, _ = prepare(Request(self.config.rootpath, Path("out"), filters), _Silent())
        except MatrixError as problem:
            raise pytest.UsageError(str(problem)) from problem
        for planned in plan.cells:
            if planned.cell.agent != "control" or "control" in filters.agents:
                yield CellTest.from_parent(self, name=planned.cell.id, plan=plan, cell=planned.cell)  # pyright: ignore[reportUnknownMemberType]

    def _option(self, name: str) -> tuple[str, ...]:
        given: list[str] | None = self.config.getoption(name)
        return tuple(given or ())


class CellTest(pytest.Item):
    """One cell as a test."""

    def __init__(self, *, plan: Plan, cell: Any, **more: Any) -> None:
        super().__init__(**more)  # pyright: ignore[reportUnknownMemberType]
        self._plan = plan
        self._cell = cell

    def runtest(self) -> None:
        """Put the question to the agent and to the control."""
        from dataclasses import replace  # noqa: PLC0415

        from matrix.engine.local import LocalEngine, Options  # noqa: PLC0415
        from matrix.engine.run import blame_control  # noqa: PLC0415
        from matrix.events import Finished  # noqa: PLC0415
        from matrix.registry.discovery import real_servers_file  # noqa: PLC0415

        cells = tuple(each for each in self._plan.cells if each.cell.column == self._cell.column)
        wanted = {self._cell.agent, "control"}
        plan = replace(self._plan, cells=tuple(each for each in cells if each.cell.agent in wanted))
        events = LocalEngine(plan, Options(real=real_servers_file())).run()
        outcomes = blame_control([event.outcome for event in events if isinstance(event, Finished)])
        judge(next(each for each in outcomes if each.cell == self._cell))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Show the reason and the command, not our traceback."""
        if isinstance(excinfo.value, Red):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test is: nowhere but in the plan."""
        return self.path, None, self.name


class Red(Exception):  # noqa: N818  (a verdict)
    """The cell is not green."""


def judge(outcome: Outcome) -> None:
    """Turn an outcome into a pass, a skip, or a failure that says why and how to see it again."""
    if outcome.verdict in {Verdict.SKIPPED, Verdict.UNSUPPORTED}:
        pytest.skip(outcome.reason)
    if outcome.verdict is not Verdict.PASSED:
        msg = f"{outcome.verdict.value}: {outcome.reason}\n{outcome.reproduce}"
        raise Red(msg)


class _Silent:
    """An audience that says nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def planned(self, plan: Plan, done: int) -> None:
        """Nothing."""

    def happened(self, event: Any) -> None:
        """Nothing."""
