"""What an agent does to whoever runs it costs its own cells, for its own reason, and nobody else's; nothing stays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from matrix.engine.fork_server import fork_server
from matrix.engine.local import LocalEngine, Options
from matrix.engine.places import Places
from matrix.events import Finished
from matrix.model import STATEFUL, Verdict
from matrix.outcome import Outcome
from tests.hostile.table import TABLE, Hostile
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, planned, red
from tests.saboteurs.saboteur import registered

STRUCK = replace(CAPABILITIES["invoke.tool-error"], deadline=8, start_up=8)
SPARED = CAPABILITIES["invoke.round-trip"]
HONEST = [registered("tests.saboteurs.honest:Honest.answer", name, REPOSITORY) for name in ("honest", "upright")]
ALL = [each for kind in TABLE.values() for each in kind]


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files: short, since sockets have to fit in."""
    with tempfile.TemporaryDirectory(prefix="m-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have places for all cells, however busy the machine is: some agents wait until both of theirs are in flight."""
    monkeypatch.setattr(Places, "free", lambda _places, _in_flight: 64)


def expect_the_table(rows: Sequence[Hostile], scratch: Path, **options: Any) -> None:
    agents = [*HONEST, *(each.agent for each in rows)]
    plan = planned(agents, [STRUCK, SPARED], lambda cell: (cell.transport, cell.revision) == ("http", STATEFUL))
    engine = LocalEngine(plan, Options(jobs=4, grace=4, **options))
    outcomes = [each.outcome for each in engine.run() if isinstance(each, Finished)]
    assert len(outcomes) == len(plan.cells)
    found = surprises(rows, outcomes)
    assert not found, "\n".join(f"{cell}: {told}" for cell, told in found.items())
    assert [each.name for each in scratch.iterdir()] == []
    assert still_there() == []


def surprises(rows: Sequence[Hostile], outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return what is red though it should not be, and what is not as the table says."""
    by_name = {each.agent.name: each for each in rows}
    told = {each.cell: each for each in outcomes}
    found = red(outcomes)
    for cell, outcome in told.items():
        row = by_name.get(cell.agent)
        if row is None or (cell.capability == SPARED.id and not row.whole):
            continue
        either_way = cell.capability == SPARED.id and outcome.verdict in {Verdict.PASSED, row.verdict}
        if either_way or (outcome.verdict is row.verdict and row.because in outcome.reason):
            found.pop(cell.id, None)
        else:
            found[cell.id] = f"{outcome.verdict}: {outcome.reason}"
    return found


def still_there() -> list[str]:
    """Return the command lines of what still runs below the fork server."""
    below = psutil.Process(fork_server().pid).children(recursive=True)
    return [" ".join(each.cmdline()) for each in below if each.status() != psutil.STATUS_ZOMBIE]


def test_a_part_of_the_hostile_moves_nobody_else(scratch: Path) -> None:
    expect_the_table([each for each in ALL if each.sampled], scratch)


@pytest.mark.soak
@pytest.mark.parametrize("kind", TABLE)
def test_the_hostile_move_nobody_else(kind: str, scratch: Path) -> None:
    expect_the_table(TABLE[kind], scratch)


@pytest.mark.soak
def test_the_hostile_move_nobody_else_where_the_system_does_not_keep_them_apart(scratch: Path) -> None:
    unguarded = [
        replace(each, verdict=each.unguarded[0], because=each.unguarded[1]) if each.unguarded else each
        for each in TABLE["others"]
    ]
    expect_the_table(unguarded, scratch, keep_apart=False)
