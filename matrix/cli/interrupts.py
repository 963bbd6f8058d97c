"""Ctrl-C, and what else cancels a command: nothing that it interrupts ends in a traceback, and no summary is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager

PATIENCE_SECONDS = 10.0
"""For so long after the first interrupt, further ones are taken for the same: people press Ctrl-C twice."""
_INTERRUPTED = 130


@contextmanager
def leaving_at_once() -> Generator[None]:
    """End the process right where Ctrl-C finds it: for imports, which may swallow an exception, or half do their work.

    Nothing may have been started by then. Where somebody has settled what Ctrl-C does, that stays.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    os.write(2, b"matrix: interrupted\n")
    os._exit(_INTERRUPTED)


class Interrupts:
    """What becomes of the signals that cancel a run: the first one raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self._first: float | None = None

    def heed(self, *signals: int) -> None:
        """Take these signals from now on, but those that are ignored, as under nohup."""
        for each in signals:
            if signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, self._received)

    def end(self) -> None:
        """The run has ended, and is told: an interrupt from now on comes too late."""
        self._first = time.monotonic()

    def _received(self, *_: object) -> None:
        now = time.monotonic()
        if self._first is None or now - self._first > PATIENCE_SECONDS:
            self._first = now
            raise KeyboardInterrupt
