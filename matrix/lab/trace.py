"""Traces: what the three witnesses of a cell recorded.

The lab appends from its own thread while the agent runs in another, so a trace is append-only and every append
wakes those who wait for something to be seen.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.protocols.base import OfferedTool, ReplyCall, ShownResult
from matrix.lab.model.script import Turn


@dataclass(frozen=True)
class Frame:
    """One JSON-RPC message; `direction` is `in` (client to server) or `out`, `at` seconds since the cell began."""

    at: float
    server: str
    session: str
    direction: str
    message: Mapping[str, Any]


@dataclass(frozen=True)
class HttpExchange:
    """One HTTP request to an MCP server and the head of its response."""

    at: float
    server: str
    method: str
    path: str
    headers: Mapping[str, str]
    status: int
    rpc_method: str | None = None


@dataclass(frozen=True)
class ProcessEvent:
    """A stdio server's process: `started`, `ended` (with its exit code), or a line it wrote to `stderr`."""

    at: float
    server: str
    session: str
    event: str
    pid: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class ModelExchange:
    """One request to the model and what it was answered; `run` counts the runs of a cell from 0.

    `asked` are the calls of the conversation before it. `reply` is None where the answer was not seen: a live model's
    calls are known from the next request only.
    """

    at: float
    run: int
    protocol: str
    system: str
    user_text: str
    offered: tuple[OfferedTool, ...]
    shown: tuple[ShownResult, ...]
    reply: Turn | None
    names: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()
    note: str = ""
    asked: tuple[ReplyCall, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """The agent's own word: what a run returned or raised."""

    at: float
    run: int
    prompt: str
    answer: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class ServerCall:
    """One `tools/call` as a server saw it; `result` or `error` is what it answered, None while it is open."""

    server: str
    session: str
    tool: str
    arguments: Mapping[str, Any]
    started: float
    ended: float | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


@dataclass
class Trace:
    """What was recorded of one cell."""

    frames: list[Frame] = field(default_factory=list[Frame])
    http: list[HttpExchange] = field(default_factory=list[HttpExchange])
    processes: list[ProcessEvent] = field(default_factory=list[ProcessEvent])
    model: list[ModelExchange] = field(default_factory=list[ModelExchange])
    runs: list[RunRecord] = field(default_factory=list[RunRecord])
    notes: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []

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

    def complete(self, exchange: ModelExchange, completed: ModelExchange) -> None:
        """Put the completed exchange, whose answer is known now, into the place of the one that was added."""
        place = next(number for number, each in enumerate(self.model) if each is exchange)
        self.model[place] = completed
        self._wake()

    async def until(self, seen: Callable[[], bool], seconds: float) -> bool:
        """Return True as soon as `seen()` holds, False if it does not within `seconds`."""
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

    def calls(self, tool: str | None = None, *, server: str | None = None) -> list[ServerCall]:
        """Return the tool calls that the servers saw, in order of arrival."""
        answers = {
            _request_of(frame): frame
            for frame in self.frames
            if frame.direction == "out" and "method" not in frame.message
        }
        return [
            _server_call(frame, answers.get(_request_of(frame)))
            for frame in self.frames
            if frame.direction == "in"
            and frame.message.get("method") == "tools/call"
            and (tool is None or _params(frame).get("name") == tool)
            and (server is None or frame.server == server)
        ]

    def requests(self, method: str, *, server: str | None = None) -> list[Frame]:
        """Return the client's requests or notifications of this method, in order."""
        return [
            frame
            for frame in self.frames
            if frame.direction == "in"
            and frame.message.get("method") == method
            and (server is None or frame.server == server)
        ]

    def open_sessions(self) -> list[str]:
        """Return the stdio sessions whose process has started and not ended, sorted."""
        started = {each.session for each in self.processes if each.event == "started"}
        return sorted(started - {each.session for each in self.processes if each.event == "ended"})

    def listed(self, server: str | None = None) -> dict[str, Mapping[str, Any]]:
        """Return every tool that the servers listed, by name, in order."""
        return {
            str(mapping(tool).get("name")): mapping(tool)
            for frame in self.frames
            if frame.direction == "out" and (server is None or frame.server == server)
            for tool in sequence(mapping(frame.message.get("result")).get("tools"))
        }


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
    )
