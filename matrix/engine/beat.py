"""Whether an event loop is held: a thread beside it asks for an answer many times a second.

Only the time is counted in which the loop's thread waits for something while it could have gone on: a busy machine
(the system's queue of what is ready to run) and computing do not count, so the same agent comes out the same on a slow
machine. What is left is a blocking call: a sleep, a request or a process that synchronous code waits for.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 0.05
"""Between two beats."""


def computed_by(thread: threading.Thread) -> float:
    """Return the seconds for which a thread of this process has computed; none where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))


class Beat:
    """Measures the longest time for which the running event loop is held; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.current_thread()
        self._answered = threading.Event()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="beat", daemon=True)
        self.longest = 0.0

    def __enter__(self) -> Self:
        """Begin; the loop's own thread has to do so."""
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.is_set():
            self._answered.clear()
            self._loop.call_soon_threadsafe(self._answered.set)
            busy, beats = self._busy(), 0
            while not self._over.is_set() and not self._answered.wait(SECONDS):
                beats += 1
                self.longest = max(self.longest, beats * SECONDS - (self._busy() - busy))
            self._over.wait(SECONDS)

    def _busy(self) -> float:
        """Return the seconds for which the loop's thread has computed, or has waited for a processor.

        Where the system does not tell the one or the other (macOS tells neither), that counts as held.
        """
        try:
            told = Path(f"/proc/self/task/{self._thread.native_id}/schedstat").read_text(encoding="ascii")
        except OSError:
            return computed_by(self._thread)
        return computed_by(self._thread) + int(told.split()[1]) / 1e9
