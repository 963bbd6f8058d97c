"""Traces: what the three witnesses of a cell recorded.

The lab appends from its own thread while the agent runs in another, so a trace is append-only and every append
wakes those who wait for something to be seen.
"""

from __future__ import annotations

import asyncio
import copy
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.records import (
    Direction,
    Frame,
    HttpExchange,
    ModelExchange,
    Note,
    NoteKind,
    ProcessEvent,
    ProcessEventKind,
    RunRecord,
    ServerCall,
)


@dataclass
class Trace:
    """What was recorded of one cell."""

    frames: list[Frame] = field(default_factory=list[Frame])
    http: list[HttpExchange] = field(default_factory=list[HttpExchange])
    processes: list[ProcessEvent] = field(default_factory=list[ProcessEvent])
    model: list[ModelExchange] = field(default_factory=list[ModelExchange])
    runs: list[RunRecord] = field(default_factory=list[RunRecord])
    notes: list[Note] = field(default_factory=list[Note])

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []
        self.common: list[Note] = []
        self._owing: list[object] = []

    def sharing(self) -> Trace:
        """Return a trace of the same records, for one of several who read them: what it notes is its own."""
        twin = copy.copy(self)
        twin.notes, twin.common = [], self.notes
        return twin

    def now(self) -> float:
        """Seconds since the cell began."""
        return round(time.monotonic() - self._began, 4)

    def add(self, record: Frame | HttpExchange | ProcessEvent | ModelExchange | RunRecord) -> None:
        """Append a record and wake whoever waits for it."""
        match record:
            case Frame():
                self.frames.append(record)
            case HttpExchange():
                self.http.append(record)
            case ProcessEvent():
                self.processes.append(record)
            case ModelExchange():
                self.model.append(record)
            case RunRecord():
                self.runs.append(record)
        self._wake()

    def note(self, kind: NoteKind, text: str) -> None:
        """Append a note."""
        self.notes.append(Note(kind, text))
        self._wake()

    def complete(self, exchange: ModelExchange, completed: ModelExchange) -> None:
        """Put the completed exchange, whose answer is known now, into the place of the one that was added."""
        place = next(number for number, each in enumerate(self.model) if each is exchange)
        self.model[place] = completed
        self._wake()

    @property
    def size(self) -> int:
        """How much was recorded so far."""
        witnesses = (self.frames, self.http, self.processes, self.model, self.runs, self.notes)
        return sum(map(len, witnesses))

    @property
    def owed(self) -> bool:
        """Whether something of ours is awaited: a model's answer, a server's, or what a check waits to see."""
        return bool(self._owing or self._unanswered())

    @contextmanager
    def owing(self) -> Generator[None]:
        """Have whatever is done within be awaited by the agent, or by a check."""
        awaited = object()
        self._owing.append(awaited)
        try:
            yield
        finally:
            self._owing.remove(awaited)

    def _unanswered(self) -> set[tuple[str, str]]:
        """Return the requests of the client that no server has answered, and that were not cancelled."""
        open_requests: set[tuple[str, str]] = set()
        for frame in list(self.frames):
            method = frame.message.get("method")
            if frame.direction is Direction.OUT and method is None:
                open_requests.discard(_request_of(frame))
            elif frame.direction is Direction.IN and method == "notifications/cancelled":
                open_requests.discard((frame.session, repr(_params(frame).get("requestId"))))
            elif frame.direction is Direction.IN and method is not None and "id" in frame.message:
                open_requests.add(_request_of(frame))
        return open_requests

    async def until(self, seen: Callable[[], bool], seconds: float) -> bool:
        """Return True as soon as `seen()` holds, False if it does not within `seconds`."""
        with self.owing():
            return await self.seen(seen, seconds)

    async def seen(self, seen: Callable[[], bool], seconds: float) -> bool:
        """Do the same as `until`, for whoever watches the agent: nothing waits for it."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._waiting.append(wake)
        try:
            async with asyncio.timeout(seconds):
                while not seen():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return seen()
        finally:
            with self._lock:
                self._waiting.remove(wake)
        return True

    def _wake(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for wake in waiting:
            wake()

    def noted(self) -> list[Note]:
        """Return every note, those of whom this trace shares its records with first."""
        return [*self.common, *self.notes]

    def has_begun(self) -> bool:
        """Whether a witness has seen anything of the agent."""
        return bool(self.frames or self.http or self.processes or self.model or self.runs)

    def calls(self, tool: str | None = None, *, server: str | None = None) -> list[ServerCall]:
        """Return the tool calls that the servers saw, in order of arrival."""
        answers = {
            _request_of(frame): frame
            for frame in self.frames
            if frame.direction is Direction.OUT and "method" not in frame.message
        }
        return [
            _server_call(frame, answers.get(_request_of(frame)))
            for frame in self.requests("tools/call", server=server)
            if tool is None or _params(frame).get("name") == tool
        ]

    def requests(self, method: str, *, server: str | None = None) -> list[Frame]:
        """Return the client's requests or notifications of this method, in order."""
        return [
            frame
            for frame in self.frames
            if frame.direction is Direction.IN
            and frame.message.get("method") == method
            and (server is None or frame.server == server)
        ]

    def results(self, *, server: str | None = None) -> list[Mapping[str, Any]]:
        """Return every result that the servers answered with, in order."""
        return [
            mapping(frame.message["result"])
            for frame in self.frames
            if frame.direction is Direction.OUT
            and "result" in frame.message
            and (server is None or frame.server == server)
        ]

    def listed(self, server: str | None = None) -> dict[str, Mapping[str, Any]]:
        """Return every tool that the servers listed, by name, in order."""
        return {
            str(mapping(tool).get("name")): mapping(tool)
            for result in self.results(server=server)
            for tool in sequence(result.get("tools"))
        }

    def exchanges(self, method: str | None = None, *, rpc_method: str | None = None) -> list[HttpExchange]:
        """Return the HTTP exchanges of this HTTP method, and of this method of JSON-RPC, in order."""
        return [
            each
            for each in self.http
            if method in {None, each.method} and (rpc_method is None or each.rpc_method == rpc_method)
        ]

    def started(self) -> list[ProcessEvent]:
        """Return the starts of the servers' processes, in order."""
        return self.process_events(ProcessEventKind.STARTED)

    def process_events(self, kind: ProcessEventKind) -> list[ProcessEvent]:
        """Return what is told of this kind about the servers' processes, in order."""
        return [each for each in self.processes if each.event is kind]

    def open_sessions(self) -> list[str]:
        """Return the stdio sessions whose process has started and not ended, sorted."""
        ended = {each.session for each in self.process_events(ProcessEventKind.ENDED)}
        return sorted({each.session for each in self.started()} - ended)

    def advice(self) -> list[str]:
        """Return the sentences about what is allowed, and better done otherwise, in order, each once."""
        return list(dict.fromkeys(each.text for each in self.noted() if each.kind is NoteKind.ADVICE))

    def faults(self) -> list[Note]:
        """Return the notes that make a red cell our fault, or the server's, in order."""
        return [each for each in self.noted() if each.kind.is_fault]


def _request_of(frame: Frame) -> tuple[str, str]:
    """Return what a request and its answer have in common; a malformed id need not be hashable."""
    return frame.session, repr(frame.message.get("id"))


def _params(frame: Frame) -> Mapping[str, Any]:
    return mapping(frame.message.get("params"))


def _server_call(frame: Frame, answer: Frame | None) -> ServerCall:
    params = _params(frame)
    return ServerCall(
        server=frame.server,
        session=frame.session,
        tool=str(params.get("name")),
        arguments=mapping(params.get("arguments")),
        started=frame.at,
        ended=None if answer is None else answer.at,
        result=None if answer is None else answer.message.get("result"),
        error=None if answer is None else answer.message.get("error"),
        params=params,
    )
