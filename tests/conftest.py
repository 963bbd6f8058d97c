"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SNAPSHOTS = Path(__file__).parent / "snapshots"
Snapshot = Callable[[str, str], None]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def workers_keep_what_was_measured() -> Iterator[None]:
    """Let an idle worker end by itself where coverage is measured: one that is killed saves nothing of what it ran."""
    if "COVERAGE_PROCESS_CONFIG" not in os.environ:
        yield
        return
    from matrix.engine.process import WorkerProcess

    kill = WorkerProcess.kill

    def end(worker: WorkerProcess) -> None:
        if worker.is_ready and not worker.in_flight:
            worker.pipe.close()
            worker.process.join(10)
        kill(worker)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorkerProcess, "kill", end)
        yield


@pytest.fixture
def snapshot() -> Snapshot:
    """Return a function that compares a text with tests/snapshots/NAME; `UPDATE_SNAPSHOTS=1` renews the file."""

    def compare(name: str, text: str) -> None:
        path = SNAPSHOTS / name
        if os.environ.get("UPDATE_SNAPSHOTS"):
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"there is no {path.name}; UPDATE_SNAPSHOTS=1 makes it"
        assert text == path.read_text(encoding="utf-8"), f"{path.name}; UPDATE_SNAPSHOTS=1 renews it"

    return compare
