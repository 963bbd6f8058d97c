"""Several machines: a run that is dealt to the workers of a Dask cluster comes to what it comes to on one machine."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from matrix.engine.several.engine import LOST_TWICE, Dask
from matrix.engine.several.errors import MachineDiffers, MachineRefuses, MachinesLost, NoMachines, NoScheduler
from matrix.errors import INTERRUPTED
from matrix.events import Finished
from matrix.model import STATEFUL
from matrix.plan import Filters
from tests.engine.clusters import DaskCluster, Door, cluster_for, killing_who_holds
from tests.engine.killed import OF_ONE_RUN
from tests.engine.projects import CELL, QUESTION, Asked, ask, make_project, verdicts
from tests.engine.questions import HANG
from tests.engine.running import Running, on_linux

pytestmark = on_linux

ROWS = """\
[tool.matrix.agents]
good = "good:agent"
holding = "holding:agent"
killing = { argv = ["PYTHON", "{folder}/killing.py"] }
mute = "mute:agent"
""".replace("PYTHON", sys.executable)
GOOD = "from matrix.adapters.control import control\n\nasync def agent(task):\n    return await control(task)\n"
# Holds the first time that it is asked, until its worker is killed.
HOLDING = """\
import asyncio
import os
from pathlib import Path

from matrix.adapters.control import control

HERE = Path(__file__).parent


async def agent(task):
    if (HERE / "hold").exists():
        (HERE / "hold").unlink()
        await asyncio.to_thread((HERE / "door").write_text, str(os.getppid()))
        await asyncio.Event().wait()
    return await control(task)
"""
# Kills the worker that asks it. A row in our process may not: the system keeps it from that.
KILLING = """\
import psutil

parents = psutil.Process().parents()
*_, server = (each for each in parents if "matrix.engine.preload" in " ".join(each.cmdline()))
server.parent().kill()
"""
MODULES = {"good": GOOD, "holding": HOLDING, "killing": KILLING}
GROUPS = ("invoke.round-trip", "invoke.unicode")
SMALL = Filters(agents=("good", "mute"), capabilities=(*GROUPS, "concurrency.all-agents"), revisions=(STATEFUL,))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("several") / "project", ROWS, **MODULES)


@pytest.fixture(scope="module")
def cluster(project: Path) -> Iterator[DaskCluster]:
    with cluster_for(project) as started:
        yield started


def outcomes(asked: Asked) -> dict[str, dict[str, object]]:
    """Return what a run has found, without what differs from run to run; each cell was told of once."""
    _, result, witness = asked
    told = Counter(event.outcome.cell.id for event in witness.events if isinstance(event, Finished))
    assert set(told.values()) <= {1}
    return {
        each.cell.id: {name: value for name, value in vars(each).items() if name not in OF_ONE_RUN}
        for each in result.matrix.outcomes
    }


def test_two_workers_find_what_one_machine_finds_and_nothing_is_left(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(2)
    here = ask(project, tmp_path / "here", SMALL)
    there = ask(project, tmp_path / "there", SMALL, engine=Dask(cluster.address))
    assert outcomes(there) == outcomes(here)
    assert there[1].exit_code == here[1].exit_code
    assert [each for each in there[2].notes if "worker" in each] == []
    assert there[1].effort is not None
    assert there[1].effort.cpu > 0
    assert cluster.left() == []
    evidence = {path.name for path in (tmp_path / "there" / "evidence").iterdir()}
    assert evidence == {path.name for path in (tmp_path / "here" / "evidence").iterdir()}


def test_what_a_killed_worker_had_in_flight_is_asked_again_elsewhere(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(2)
    filters = replace(SMALL, agents=("good", "holding"), capabilities=GROUPS)
    with killing_who_holds(project):
        asked = ask(project, tmp_path / "out", filters, engine=Dask(cluster.address))
    assert asked[1].exit_code == 0
    assert {each["verdict"] for each in outcomes(asked).values()} == {"passed"}
    assert len(outcomes(asked)) == asked[1].matrix.header.planned


@pytest.mark.soak
def test_where_no_worker_is_left_what_is_done_is_kept_and_resume_goes_on(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(1)
    filters = replace(SMALL, agents=("holding",), capabilities=GROUPS)
    with (
        pytest.raises(MachinesLost, match=r"were lost; what is done is kept: start some, and go on with --resume"),
        killing_who_holds(project),
    ):
        ask(project, tmp_path / "out", filters, engine=Dask(cluster.address, patience=0))
    cluster.have(1)
    resumed = ask(project, tmp_path / "out", filters, engine=Dask(cluster.address), resume=True)
    assert resumed[1].matrix.complete
    assert {each["verdict"] for each in outcomes(resumed).values()} == {"passed"}


@pytest.mark.soak
def test_a_cell_that_kills_whatever_asks_it_is_blamed_after_one_more_try(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(0)
    cluster.join(project, "--nanny")
    filters = replace(QUESTION, agents=("good", "killing"))
    _, result, _ = asked = ask(project, tmp_path / "out", filters, engine=Dask(cluster.address))
    cluster.have(0)
    assert verdicts(result.matrix) == {"control": "passed", "good": "passed", "killing": "failed"}
    assert outcomes(asked)[f"killing::{CELL}"]["reason"] == LOST_TWICE


@pytest.mark.soak
def test_a_run_that_is_killed_or_interrupted_leaves_nothing_on_the_machines_and_can_be_resumed(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(1)
    options = ("--agent", "holding", "--output", str(tmp_path / "out"), "--engine", cluster.address.url)
    for ending, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, INTERRUPTED)):
        with Door(project) as door:
            running = Running(project, *options)
            door.wait()
            running.process.send_signal(ending)
            assert running.end()[0] == code
            assert cluster.left() == []
    code, out, err = Running(project, *options, "--resume").end()
    assert (code, err) == (0, "")
    assert "2 cells: 2 passed" in out


@pytest.mark.soak
def test_where_the_scheduler_goes_away_it_is_said_in_one_sentence_and_nothing_is_left(
    project: Path, tmp_path: Path
) -> None:
    with cluster_for(project) as cluster:
        cluster.have(1)
        with Door(project) as door:
            options = ("--agent", "holding", "--output", str(tmp_path / "out"), "--engine", cluster.address.url)
            running = Running(project, *options)
            worker = door.wait()
            started = worker.children(recursive=True)
            cluster.scheduler.process.kill()
            code, _, err = running.end()
        assert (code, err.count("\n")) == (3, 1), err
        assert err.startswith(f"matrix: the Dask scheduler {cluster.address.url} was lost (")
        assert psutil.wait_procs(started, HANG)[1] == []


def test_a_worker_with_another_project_is_refused_before_anything_is_asked(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(1)
    other = make_project(tmp_path / "other", ROWS, **MODULES | {"good": f"# changed\n{GOOD}"})
    cluster.join(other)
    try:
        with pytest.raises(MachineDiffers, match=rf"other files, of the agent 'good'; check out .* in {other}"):
            ask(project, tmp_path / "out", SMALL, engine=Dask(cluster.address))
        other.joinpath("pyproject.toml").write_text('[tool.matrix.agents]\nmute = "mute:agent"\n')
        with pytest.raises(MachineRefuses, match="cannot take part: no agent is called 'good'"):
            ask(project, tmp_path / "out", SMALL, engine=Dask(cluster.address))
    finally:
        cluster.have(0)
    assert not (tmp_path / "out" / "matrix.jsonl").exists()


def test_without_a_worker_or_a_scheduler_it_is_said_how_to_start_one(
    project: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.have(0)
    with pytest.raises(NoMachines, match=r"dask://127.0.0.1:\d+ has no worker; start one with `dask worker`"):
        ask(project, tmp_path / "out", SMALL, engine=Dask(cluster.address))
    nowhere = replace(cluster.address, port=1)
    with pytest.raises(NoScheduler, match=r"no Dask scheduler answers at dask://127.0.0.1:1 \(Connection refused\)"):
        ask(project, tmp_path / "out", SMALL, engine=Dask(nowhere))
