"""The line from a machine to its run, at the machine's end: what it says, what it is dealt, whether it is wanted.

All goes by way of the Dask scheduler, the only one whom both can reach: two queues, one for all machines of a run, one
for each. A task that the scheduler has cancelled, since its client did so or has gone, is not told: it has to look.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from typing import Any, Self

from distributed import Queue, get_worker

from matrix.engine.several.messages import Note, Said, encoded

LOOK_SECONDS = 0.1
"""How often it is looked whether there is something new."""
_WANTED = frozenset({"executing", "long-running"})
_FLUSH_SECONDS = 10.0


class Abandoned(Exception):
    """Nobody wants what this machine does any more."""


class Line:
    """The machine's end of the line; a context manager."""

    def __init__(self, token: str, outbox: str, inbox: str) -> None:
        self._worker: Any = get_worker()
        self._key = self._worker.get_current_task()
        self._outbox: Any = Queue(outbox)
        self._inbox: Any = Queue(inbox)
        self._sender = _Sender(self._outbox, token)

    def __enter__(self) -> Self:
        self._sender.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.end()
        with contextlib.suppress(Exception):  # the scheduler may have gone
            if not self._is_wanted:  # then nobody takes it out any more, and it would stay there
                self._outbox.get(batch=True)
            self._inbox.close()
            self._outbox.close()

    def say(self, said: Said) -> None:
        """Say something. Raises Abandoned where nobody wants to hear it."""
        self.check()
        self._sender.bodies.put(encoded(said))

    def note(self, text: str) -> None:
        """Say what is being waited for. Raises Abandoned."""
        self.say(Note(text))

    def dealt(self) -> list[str]:
        """Wait for the cells, by id, to ask next; none where the run is over. Raises Abandoned."""
        while True:
            self.check()
            if batches := self._inbox.get(batch=True):
                (batch,) = batches
                return batch
            time.sleep(LOOK_SECONDS)

    def check(self) -> None:
        """Raise Abandoned where nobody wants what this machine does any more."""
        if not self._is_wanted or self._sender.has_failed:
            raise Abandoned

    @property
    def _is_wanted(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        return task is not None and task.state in _WANTED and self._worker.status.name in {"running", "paused"}


class _Sender(threading.Thread):
    """Sends what is said, in order, so that nobody who has something to say has to wait for the scheduler."""

    def __init__(self, outbox: Any, token: str) -> None:
        super().__init__(name="matrix-sender", daemon=True)
        self._outbox = outbox
        self._from = (token, secrets.token_hex(8))
        self.bodies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.has_failed = False

    def run(self) -> None:
        """Send until the end."""
        try:
            while bodies := self._next():
                self._outbox.put([*self._from, bodies])
        except Exception:  # noqa: BLE001  (whatever it is, nothing can be said any more)
            self.has_failed = True

    def end(self) -> None:
        """Send what is left, and end."""
        self.bodies.put(None)
        self.join(_FLUSH_SECONDS)

    def _next(self) -> list[bytes]:
        """Wait for something to send, and take all that there is by then; nothing at the end."""
        bodies = [self.bodies.get()]
        while bodies[-1] is not None and not self.bodies.empty():
            bodies.append(self.bodies.get())
        if bodies[-1] is None and len(bodies) > 1:
            self.bodies.put(None)
        return [each for each in bodies if each is not None]
