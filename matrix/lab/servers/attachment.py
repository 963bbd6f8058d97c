"""Attachments: a server of one cell while the cell is open, in the five ways there are.

A resident stub lives in the lab, and a dead one did not survive its creation. A watched server is a child of the
bridge that the agent starts, a relayed one too, but it is the lab that passes on its lines. A proxied server is
reached by the lab over HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from matrix.lab.records import Direction, Frame, NoteKind, ProcessEvent, ProcessEventKind
from matrix.lab.servers.json_rpc import messages
from matrix.lab.servers.revision_gate import RevisionGate
from matrix.lab.servers.spec import Stub
from matrix.lab.servers.tool_filter import WireFilter
from matrix.lab.trace import Trace
from matrix.sources import StdioServer

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server as SdkServer


@dataclass
class Attachment:
    """What all of them have: where frames are recorded, what filters and refuses them, and the bridges to them.

    `key` is the cell's own for this server, in URLs and on the command line of a bridge.
    """

    key: str
    server: str
    trace: Trace
    gate: RevisionGate
    tools: WireFilter | None = field(default=None, kw_only=True)
    hangups: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]], kw_only=True)
    bridges: list[asyncio.Task[Any]] = field(default_factory=list["asyncio.Task[Any]"], kw_only=True)
    _sessions: dict[str, str] = field(default_factory=dict[str, str], kw_only=True)

    def session(self, wire_id: str) -> str:
        """Return a session's short name: random wire ids would make evidence differ from run to run."""
        return self._sessions.setdefault(wire_id, f"{self.server}#{len(self._sessions) + 1}")

    def record(self, session: str, direction: Direction, message: Any) -> None:
        """Record one JSON-RPC message (or a batch of them)."""
        for each in messages(message):
            if each:
                self.trace.add(Frame(self.trace.now(), self.server, session, direction, each))

    def record_line(self, session: str, direction: Direction, line: bytes) -> None:
        """Record a line of a stdio server; what is no JSON is recorded as noise."""
        try:
            self.record(session, direction, json.loads(line))
        except ValueError:
            self.process(session, ProcessEventKind.NOISE, detail=line.decode("utf-8", "replace")[:200])

    def process(self, session: str, event: ProcessEventKind, *, pid: int | None = None, detail: str = "") -> None:
        """Record something about the server's process."""
        self.trace.add(ProcessEvent(self.trace.now(), self.server, session, event, pid, detail))

    def process_started(self, session: str, pid: int | None, cwd: str | None, env: Mapping[str, str]) -> None:
        """Record that the server's process has started, in this folder and with these variables."""
        started = ProcessEventKind.STARTED
        self.trace.add(ProcessEvent(self.trace.now(), self.server, session, started, pid, cwd=cwd, env=env))

    def hang_up(self) -> None:
        """End the bridges that an agent has left behind."""
        for hang_up in self.hangups:
            hang_up()

    def server_fault(self, text: str) -> None:
        """Note what the server itself is to blame for; the text goes on after its name."""
        self.trace.note(NoteKind.SERVER_FAULT, f"the server itself: {self.server} {text}")


@dataclass
class ResidentStub(Attachment):
    """A stub that lives in the lab; over HTTP, where nothing starts it again, it is `dead` once it has died."""

    stub: Stub
    sdk: SdkServer[Any]
    room: Any
    dead: bool = False

    def ended_by(self, problem: BaseException) -> int:
        """Return the exit code of the stub, which this exception has ended; unless it meant to die, note our fault."""
        meant = problem
        while isinstance(meant, BaseExceptionGroup):
            meant = cast("BaseExceptionGroup[BaseException]", meant).exceptions[0]
        if self.room.facts.get("died"):
            return 1
        text = f"lab fault: the stub {self.server} ended by {type(meant).__name__}: {meant}"
        self.trace.note(NoteKind.LAB_FAULT, text)
        return 70


@dataclass
class DeadStub(Attachment):
    """A stub that died when it was made: its exit code, and what it wrote on stderr."""

    exit_code: int
    last_words: str


@dataclass
class WatchedServer(Attachment):
    """A real stdio server that the agent starts, behind a bridge which reports every line."""

    start: StdioServer


@dataclass
class RelayedServer(Attachment):
    """A private stdio server, which the lab has the bridge start; every line goes through the lab."""

    start: StdioServer


@dataclass
class ProxiedServer(Attachment):
    """A real HTTP server; the lab adds headers to every request."""

    url: str
    headers: Mapping[str, str]


AnyAttachment = ResidentStub | DeadStub | WatchedServer | RelayedServer | ProxiedServer
