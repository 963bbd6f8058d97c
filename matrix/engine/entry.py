"""The entry point of worker processes: light, so that the parent can name it without paying for what it imports."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

from matrix.descent import adopt_orphans, keep_to_ourselves
from matrix.engine.channel import Channel
from matrix.engine.messages import Job
from matrix.processes import MARK

AGENTS_FOLDER = "tmp"


def enter(job: Job, mark: str, folder: Path, end: socket.socket) -> None:
    """Mark the process, make it the first victim when memory runs out, and serve; `folder` is the worker's own.

    What the agent writes into the folder for temporary files is apart from what the lab has there: it may empty that.
    """
    os.environ[MARK] = mark
    adopt_orphans()
    if job.apart:
        keep_to_ourselves()
    channel = Channel(end, mark)
    channel.set_apart()
    try:
        (folder / AGENTS_FOLDER).mkdir()
    except FileNotFoundError:  # the run has ended meanwhile, and removed what it had made for us
        os._exit(1)
    tempfile.tempdir = str(folder / AGENTS_FOLDER)
    with contextlib.suppress(OSError):  # not on Linux, or not allowed to
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    from matrix.engine import worker  # noqa: PLC0415  (heavy; already there when forked from the fork server)

    worker.main(job, channel, folder)
