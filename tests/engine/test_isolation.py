"""An agent that misbehaves costs its own cells, with the right verdict, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from matrix.engine import entry, local
from matrix.engine.local import Options
from matrix.model import STATEFUL, Verdict
from matrix.outcome import Outcome
from tests.saboteurs import hostile
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, planned, ran, red
from tests.saboteurs.saboteur import registered

if TYPE_CHECKING:
    from matrix.engine.process import WorkerProcess

STRUCK = replace(CAPABILITIES["invoke.tool-error"], deadline=8, start_up=8)
SPARED = CAPABILITIES["invoke.round-trip"]
HOSTILE = {
    hostile.Hangs: (Verdict.TIMED_OUT, "no end within 8 s"),
    hostile.NeverYields: (Verdict.TIMED_OUT, "blocked its event loop"),
    hostile.EndsTheProcess: (Verdict.FAILED, "ended its process with exit code 7"),
    hostile.Exits: (Verdict.FAILED, "ended its process with exit code 1"),
    hostile.Interrupts: (Verdict.FAILED, "ended its process with exit code 1"),
    hostile.RaisesNoException: (Verdict.FAILED, "Unheard: nobody expects this"),
    hostile.CancelsItself: (Verdict.FAILED, "cancelled from within"),
    hostile.Babbles: (Verdict.PASSED, ""),
    hostile.LeavesAChild: (Verdict.PASSED, ""),
}


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[WorkerProcess]:
    """Every worker that the engine starts."""
    started: list[WorkerProcess] = []
    start = local.start

    def start_and_remember(*job: object) -> WorkerProcess:
        started.append(start(*job))
        return started[-1]

    monkeypatch.setattr(local, "start", start_and_remember)
    return started


@pytest.mark.parametrize("vice", HOSTILE, ids=lambda vice: vice.__name__)
def test_a_hostile_agent_costs_its_own_cell_only_and_leaves_no_process(
    vice: type[hostile.Hostile], workers: list[WorkerProcess]
) -> None:
    verdict, because = HOSTILE[vice]
    outcome, others = beside_an_honest_agent(vice, grace=4)
    assert (outcome.verdict, because in outcome.reason) == (verdict, True), outcome.reason
    assert red(others) == {}
    assert left_of(workers) == []


def test_an_agent_that_refuses_to_be_cancelled_is_told_apart_from_one_that_blocks(
    workers: list[WorkerProcess],
) -> None:
    outcome, others = beside_an_honest_agent(hostile.RefusesToBeCancelled, grace=Options().grace)
    assert (outcome.verdict, "no end within 8 s" in outcome.reason) == (Verdict.TIMED_OUT, True), outcome.reason
    assert red(others) == {}
    assert left_of(workers) == []


def beside_an_honest_agent(vice: type[hostile.Hostile], grace: float) -> tuple[Outcome, list[Outcome]]:
    """Return what the cell came to in which the agent strikes, and all the others: its own, and an honest agent's."""
    agents = [
        registered(f"{vice.__module__}:{vice.__name__}.answer", "hostile", REPOSITORY),
        registered("tests.saboteurs.honest:Honest.answer", "honest", REPOSITORY),
    ]
    plan = planned(agents, [STRUCK, SPARED], lambda cell: (cell.transport, cell.revision) == ("http", STATEFUL))
    outcomes = ran(plan, Options(grace=grace))
    assert len(outcomes) == len(plan.cells) == 4
    (struck,) = [each for each in outcomes if (each.cell.agent, each.cell.capability) == ("hostile", STRUCK.id)]
    return struck, [each for each in outcomes if each is not struck]


def left_of(workers: list[WorkerProcess]) -> list[str]:
    """Return the command lines of what the workers have left running, themselves included."""
    assert workers
    marks = {f"{entry.MARK}={worker.mark}".encode() for worker in workers}
    pids = {str(worker.pid) for worker in workers if worker.exit_code() is None}
    left: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = set((folder / "environ").read_bytes().split(b"\0"))
            words = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        except OSError:
            continue  # it has just ended, or is not ours to look at
        if environ & marks or folder.name in pids:
            left.append(words)
    return sorted(left)
