"""Attachments: one server as one cell has it, whatever the transport."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO, cast

from matrix.json_access import mapping, sequence
from matrix.lab.servers.revision_gate import Admission
from matrix.lab.trace import Frame, ProcessEvent, Trace

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server as SdkServer

    from matrix.lab.servers.tool_filter import ToolFilter

LAB_FAULT = "lab fault:"
SERVER_FAULT = "the server itself:"
FAULTS = (LAB_FAULT, SERVER_FAULT)
"""What begins the notes of a trace that make a red cell our fault, or the server's: no agent's."""

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Stub:
    """A stub's behaviour: builds the SDK server; `http` wraps its HTTP end where the stub misbehaves there."""

    name: str
    create: Callable[[str, Any], Any]
    new_room: Callable[[], Any]
    stderr: ContextVar[TextIO]
    http: Callable[[Asgi], Asgi] | None = None


@dataclass
class Attachment:
    """One server of one cell: where its frames are recorded, and what stands behind it.

    Exactly one of `sdk` (a resident stub), `argv` (a real stdio server, which the pump starts) and `upstream`
    (the URL of a real HTTP server) is set, or `death` is: the exit code of a stub that died when it was made. Over
    HTTP, where nothing starts it again, it is also that of one that has died since. `private` keeps a real server's
    command and environment, or the headers that it is sent, from the agent. `tools` filters what passes.
    """

    key: str
    server: str
    trace: Trace
    admission: Admission
    stub: Stub | None = None
    sdk: SdkServer[Any] | None = None
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str | None = None
    room: Any = None
    upstream: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    private: bool = False
    tools: ToolFilter | None = None
    death: int | None = None
    last_words: str = ""
    hangups: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    pumps: list[asyncio.Task[Any]] = field(default_factory=list["asyncio.Task[Any]"])
    _sessions: dict[str, str] = field(default_factory=dict[str, str])

    def session(self, wire_id: str) -> str:
        """Return a session's short name: random wire ids would make evidence differ from run to run."""
        return self._sessions.setdefault(wire_id, f"{self.server}#{len(self._sessions) + 1}")

    def record(self, session: str, direction: str, message: Any) -> None:
        """Record one JSON-RPC message (or a batch of them)."""
        for each in sequence(message) or [message]:
            if found := mapping(each):
                self.trace.add(Frame(self.trace.now(), self.server, session, direction, found))

    def record_line(self, session: str, direction: str, line: bytes) -> None:
        """Record a line of a stdio server; what is no JSON is noted as noise."""
        try:
            self.record(session, direction, json.loads(line))
        except ValueError:
            self.process(session, "noise", detail=line.decode("utf-8", "replace")[:200])

    def hang_up(self) -> None:
        """End the pumps that an agent has left behind."""
        for hang_up in self.hangups:
            hang_up()

    def ended_by(self, problem: BaseException) -> int:
        """Return the exit code of a stub that ended by this exception; unless it meant to die, note our fault."""
        meant = problem
        while isinstance(meant, BaseExceptionGroup):
            meant = cast("BaseExceptionGroup[BaseException]", meant).exceptions[0]
        if self.room is not None and self.room.facts.get("died"):
            return 1
        self.trace.notes.append(f"{LAB_FAULT} the stub {self.server} ended by {type(meant).__name__}: {meant}")
        return 70

    def process(self, session: str, event: str, *, pid: int | None = None, detail: str = "") -> None:
        """Record something about the server's process."""
        self.trace.add(ProcessEvent(self.trace.now(), self.server, session, event, pid, detail))


class LineWriter(io.StringIO):
    """A text stream that hands whole lines to a function: a stub's stderr, wherever that leads."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self._begun = ""

    def write(self, text: str, /) -> int:
        """Hand on the lines that this completes; the rest of the last one waits."""
        lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._write(lines + newline)
        return len(text)

    def flush(self) -> None:
        """Hand on a line that has only been begun."""
        begun, self._begun = self._begun, ""
        if begun:
            self._write(begun)
