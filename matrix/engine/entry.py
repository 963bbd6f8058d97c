"""The entry point of worker processes: light, so that the parent can name it without paying for what it imports."""

from __future__ import annotations

import contextlib
import os
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from matrix.engine.messages import Job
from matrix.processes import MARK


def enter(job: Job, pipe: Connection, mark: str) -> None:
    """Mark the process, make it the first victim when memory runs out, and serve."""
    os.environ[MARK] = mark
    if job.scratch is not None:
        tempfile.tempdir = str(job.scratch)
    with contextlib.suppress(OSError):  # not on Linux, or not allowed to
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    from matrix.engine import worker  # noqa: PLC0415  (heavy; already there when forked from the fork server)

    worker.main(job, pipe)
