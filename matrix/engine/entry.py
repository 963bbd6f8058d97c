"""The entry point of worker processes: light, so that the parent can name it without paying for what it imports."""

from __future__ import annotations

import contextlib
import os
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from matrix.engine.messages import Job

MARK = "AGENT_MATRIX_WORKER"
"""An environment variable that marks everything a worker starts, so that nothing of it is left behind."""
SAFE_PATH = "PYTHONSAFEPATH"
"""Python's variable that keeps the current folder off the path."""
SAFE_PATH_IS_OURS = "AGENT_MATRIX_SAFE_PATH"
"""Set where it was not the user who set that."""


def enter(job: Job, pipe: Connection, mark: str) -> None:
    """Mark the process, make it the first victim when memory runs out, and serve."""
    os.environ[MARK] = mark
    if job.scratch is not None:
        tempfile.tempdir = str(job.scratch)
    with contextlib.suppress(OSError):  # not on Linux, or not allowed to
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    from matrix.engine import worker  # noqa: PLC0415  (heavy; already there when forked from the fork server)

    worker.main(job, pipe)
