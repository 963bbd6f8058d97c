"""The folder for a run's temporary files: where the run does not live to remove it, the next one does."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "agent-matrix-"
_LOCK = "owner.lock"
"""A file that a run keeps locked for as long as it lives, however it ends: ids of processes are given again."""


@contextmanager
def scratch_folder() -> Generator[Path]:
    """Make a folder, and remove it in the end; removes those of runs that were killed."""
    _sweep(Path(tempfile.gettempdir()))
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))
    with FileLock(made / _LOCK):
        # It gets its name only when it is locked: what has a lock that nobody holds was left behind.
        folder = made.rename(made.with_name(made.name[1:]))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(temporary: Path) -> None:
    for folder in sorted([*temporary.glob(f"{_PREFIX}*"), *temporary.glob(f".{_PREFIX}*")]):
        with suppress(OSError, Timeout):
            if _is_ours(folder):
                with FileLock(folder / _LOCK).acquire(timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether a run of this user has made a folder: another user's, or a link to somewhere, is left alone."""
    return not folder.is_symlink() and folder.stat().st_uid == os.getuid() and (folder / _LOCK).is_file()
