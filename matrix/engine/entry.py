"""The entry point of worker processes: light, so that the parent can name it without paying for what it imports."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

from matrix.descent import adopt_orphans
from matrix.engine.channel import Channel
from matrix.engine.messages import Job
from matrix.processes import MARK


def enter(job: Job, mark: str, end: socket.socket) -> None:
    """Mark the process, make it the first victim when memory runs out, and serve."""
    os.environ[MARK] = mark
    adopt_orphans()
    channel = Channel(end, mark)
    channel.set_apart()
    if job.scratch is not None:
        tempfile.tempdir = str(job.scratch)
    with contextlib.suppress(OSError):  # not on Linux, or not allowed to
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    from matrix.engine import worker  # noqa: PLC0415  (heavy; already there when forked from the fork server)

    worker.main(job, channel)
