"""A harness's process, from our side: start it, talk to it in lines of JSON, tell how it ended (docs/harness.md)."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from matrix.error_line import error_line
from matrix.json_access import mapping
from matrix.processes import RunProcesses
from matrix.raised import Explained

PROTOCOL = 1
LINE_LIMIT = 32 * 1024 * 1024
"""Bytes that one message may have; a longer one is nobody's answer."""
START_SECONDS = 100.0
"""How long the harness may take to import its agent, less than the parent of a worker waits for that."""
END_SECONDS = 5.0
STDERR_LIMIT = 16 * 1024
"""Bytes of standard error that are kept, of its end."""

Message = Mapping[str, Any]


class Lost(Explained):
    """The agent's process ended, or was ended, with a run in flight; the text says how."""


@dataclass(frozen=True)
class Start:
    """How a harness's process is started; `home` is its own, in the run's temporary folder."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    home: Path


class HarnessProcess:
    """A running harness; every request has an answer sooner or later, be it `Lost`."""

    def __init__(self, start: Start) -> None:
        """Start it. Raises OSError."""
        self._process = subprocess.Popen(  # noqa: S603  (a row says what it is)
            start.argv,
            env=start.env,
            cwd=start.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._processes = RunProcesses(self._process.pid, start.home)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._pending: dict[str, Future[Message]] = {"hello": _future()}
        self._cancelling: dict[str, Future[Message]] = {}
        self._outgoing: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._stderr = bytearray()
        self._reason: str | None = None
        self.lost: Lost | None = None
        self._reading_stderr = self._thread(self._keep_stderr)
        self._thread(self._read)
        self._thread(self._write)

    def hello(self, **fields: Any) -> Message:
        """Greet it, and return its first message, `ready` or `broken`. Raises Lost, also where it takes too long."""
        first = self._pending["hello"]
        self._send("hello", protocol=PROTOCOL, **fields)
        try:
            return first.result(START_SECONDS)
        except TimeoutError:
            self.end(f"it had not said that it is ready after {START_SECONDS:g} s")
            return first.result()

    def request(self, kind: str, /, **fields: Any) -> tuple[str, Future[Message]]:
        """Send a request; returns its id, and what its answer, or `Lost`, will be in."""
        number, answer = f"{kind}-{next(self._numbers)}", _future()
        with self._lock:
            if self.lost is not None:
                answer.set_exception(self.lost)
                return number, answer
            self._pending[number] = answer
        self._send(kind, id=number, **fields)
        return number, answer

    def cancel(self, number: str) -> Future[Message]:
        """Cancel a request; what is returned tells that the agent's event loop has heard of it."""
        heard = _future()
        with self._lock:
            if self.lost is not None:
                heard.set_result({})
            else:
                self._cancelling[number] = heard
        self._send("cancel", id=number)
        return heard

    def end(self, reason: str) -> None:
        """End the process, with what it has started; whatever is in flight is lost for this reason."""
        self._reason = self._reason or reason
        self._processes.kill()

    def _send(self, kind: str, /, **fields: Any) -> None:
        self._outgoing.put(json.dumps({"type": kind, **fields}).encode() + b"\n")

    def _thread(self, work: Any) -> threading.Thread:
        thread = threading.Thread(target=work, name="harness", daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        with (
            contextlib.suppress(OSError),
            cast("IO[bytes]", self._process.stdin) as pipe,
        ):  # who has ended reads no more, and is told of by the reading thread
            while self.lost is None:
                pipe.write(self._outgoing.get())
                pipe.flush()

    def _keep_stderr(self) -> None:
        with cast("Any", self._process.stderr) as pipe:
            while piece := pipe.read1(64 * 1024):
                self._stderr += piece
                del self._stderr[:-STDERR_LIMIT]

    def _read(self) -> None:
        with cast("IO[bytes]", self._process.stdout) as pipe:
            while line := pipe.readline(LINE_LIMIT + 1):
                wrong = self._taken(line)
                if wrong is not None:
                    self.end(f"the agent wrote to the channel of its harness: {wrong}")
                    break
        self._over()

    def _taken(self, line: bytes) -> str | None:
        """Deal with a message; returns what is wrong with one that is none."""
        if len(line) > LINE_LIMIT:
            return f"a line of more than {LINE_LIMIT} bytes"
        try:
            message: object = json.loads(line)
        except (ValueError, RecursionError):
            return "a line that is no JSON"
        if not isinstance(message, dict):
            return "a line that is no message"
        found = mapping(message)
        kind = found.get("type")
        number = "hello" if kind in {"ready", "broken"} else str(found.get("id"))
        waiting = self._cancelling if kind == "cancelled" else self._pending
        with self._lock:
            answer = waiting.pop(number, None)
        if answer is not None:
            answer.set_result(found)
        return None  # what answers nothing (any more) is let go

    def _over(self) -> None:
        """Tell everybody who waits that nothing will come any more."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._processes.kill()
        code = self._process.wait()
        self._reading_stderr.join(END_SECONDS)
        lost = Lost(self._reason or self._how_it_ended(code))
        with self._lock:
            self.lost = lost
            waiting = [*self._pending.values()]
            hearing = [*self._cancelling.values()]
        self._outgoing.put(b"")
        for answer in waiting:
            answer.set_exception(lost)
        for heard in hearing:
            heard.set_result({})

    def _how_it_ended(self, code: int) -> str:
        how = f"ended its process with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        said = error_line(self._stderr.decode("utf-8", "replace"))
        return f"the agent {how}{f': {said}' if said else ''}"


def _future() -> Future[Message]:
    """Return a future that nobody cancels: whoever waits may give up, and its answer still comes."""
    made = Future[Message]()
    made.set_running_or_notify_cancel()
    return made
