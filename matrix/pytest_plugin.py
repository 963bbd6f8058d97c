"""The pytest plugin: each cell of an agent is a test, in the agent's own repository.

    pytest --matrix my_package.agent:create_agent --matrix-capability 'invoke.*'

The cells come from the same plan as the command line's, and run in the same engine; with pytest-xdist they are spread
over its workers. A session that asks for no matrix imports nothing of it (see pytest_cells.py).
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--matrix` and what narrows it."""
    group = parser.getgroup("matrix", "agent matrix")
    group.addoption(
        "--matrix", action="append", metavar="AGENT", help="Test this agent's cells (a name, or an import string)."
    )
    group.addoption("--matrix-capability", action="append", metavar="ID", help="Only these capabilities (globs).")
    group.addoption("--matrix-transport", action="append", metavar="NAME", help="Only these transports.")
    group.addoption("--matrix-server", action="append", metavar="NAME", help="Only these servers (globs).")


@pytest.hookimpl(tryfirst=True)  # before `-k` and its kin choose among what is there
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each cell that was asked for."""
    if config.getoption("matrix"):
        from matrix.pytest_cells import Cells  # noqa: PLC0415

        collector: Cells = Cells.from_parent(session, name="matrix", nodeid="matrix")  # pyright: ignore[reportUnknownMemberType]
        items.extend(collector.collect())
