"""Ctrl-C, and what else cancels a command: nothing that it interrupts ends in a traceback, and no summary is lost.

`matrix.__main__` imports this before anything else, so it is a module of its own that imports nothing to speak of.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # as type checkers know it: `typing` would take longer than all else here
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # the module below `signal`, which makes enums first

PATIENCE_SECONDS = 10.0
"""For so long after the first interrupt, further ones are taken for the same: people press Ctrl-C twice."""
_INTERRUPTED = 130


class LeavingAtOnce:
    """Ends the process right where Ctrl-C finds it; a context manager, for imports, in which an exception may get lost.

    What has been started by then has to end with us. Where somebody has settled what Ctrl-C does, that stays.
    """

    def __enter__(self) -> None:
        self._default = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
        if self._default:
            _signal.signal(_signal.SIGINT, _leave)

    def __exit__(self, *_: object) -> None:
        if self._default:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)


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
            if _signal.getsignal(each) != _signal.SIG_IGN:
                _signal.signal(each, self._received)

    def end(self) -> None:
        """Remember that the run has ended, and is told: an interrupt comes too late from now on."""
        self._first = time.monotonic()

    def _received(self, *_: object) -> None:
        now = time.monotonic()
        if self._first is None or now - self._first > PATIENCE_SECONDS:
            self._first = now
            raise KeyboardInterrupt
