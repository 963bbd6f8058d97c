"""Tells from beside an event loop that the agent holds it for good, and in which function.

Blocked is a loop that waits in a call while nothing moves (see stillness.py); one that computes is given longer, in
seconds of its own thread, which a busy machine does not make more.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from matrix.engine.beat import computed_by
from matrix.engine.messages import Holding, LastWords
from matrix.engine.stillness import TICK_SECONDS, Stillness
from matrix.lab.trace import Trace

COMPUTING_SECONDS = 30.0
"""How long an agent may compute without letting its loop go on: as long as a model that it loads may take."""
_NOT_ITS_OWN = tuple(
    {sysconfig.get_path(each) for each in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {str(Path(__file__).parent.parent), "<frozen"}
)


@dataclass(eq=False)
class _Watched:
    """A cell in flight: what moves in it, and after how many still seconds it is over."""

    still: Stillness
    silence: float


class LoopWatch:
    """Watches the running loop of this thread, and tells of it through `tell`, from a thread of its own."""

    def __init__(self, tell: Callable[[Holding | LastWords], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._thread = threading.current_thread()
        self._cells: dict[_Watched, None] = {}
        threading.Thread(target=self._watch, name="loop watch", daemon=True).start()

    @contextmanager
    def over(self, trace: Trace, silence: float) -> Generator[None]:
        """Have a cell be in flight meanwhile."""
        watched = _Watched(Stillness(trace), silence)
        self._cells[watched] = None
        try:
            yield
        finally:
            del self._cells[watched]

    def _watch(self) -> None:
        ended = False
        while not ended:
            answered = threading.Event()
            try:
                self._loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the agent has closed it
                return
            if answered.wait(TICK_SECONDS):
                time.sleep(TICK_SECONDS)
            else:
                ended = self._held(answered)

    def _held(self, answered: threading.Event) -> bool:
        """Watch a loop that does not answer; returns whether it never will."""
        self._tell(Holding(self._where()))
        computed = computed_by(self._thread)
        for each in list(self._cells):
            each.still.begin()
        while not answered.wait(TICK_SECONDS):
            did = self._for_good(computed)
            if did is not None:
                self._tell(LastWords(did, timed_out=True))
                return True
        self._tell(Holding(""))
        return False

    def _for_good(self, computed: float) -> str | None:
        """Return what the agent did where its loop is held for good."""
        cells = list(self._cells)
        for each in cells:
            each.still.take(TICK_SECONDS)
        longest = max((each.silence for each in cells), default=0.0)
        if cells and all(each.still.seconds >= each.silence for each in cells):
            return f"blocked its event loop for {longest:g} s{self._where()}"
        if computed_by(self._thread) - computed >= COMPUTING_SECONDS:
            return f"computed for {COMPUTING_SECONDS:g} s and let nothing else run on its event loop{self._where()}"
        return None

    def _where(self) -> str:
        """Return the function that the loop's thread is in, `, in NAME (FILE)`: the innermost of the agent's own."""
        innermost = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        frame = innermost
        while frame is not None and not _is_the_agents(frame):
            frame = frame.f_back
        found = frame or innermost
        return "" if found is None else f", in {found.f_code.co_qualname} ({Path(found.f_code.co_filename).name})"


def _is_the_agents(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(_NOT_ITS_OWN)
