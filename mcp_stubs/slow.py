"""Tools that answer late, in a chosen order, or never."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, described, strings, tool_server

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE = 4.0
"""Seconds after which the turnstile no longer waits for more callers."""

_ANSWERED: ContextVar[anyio.Event | None] = ContextVar("_ANSWERED", default=None)
"""Set once the HTTP response to the current request has been sent whole."""


@dataclass
class _Caller:
    returned: anyio.Event = field(default_factory=anyio.Event)
    answered: anyio.Event | None = None


@dataclass
class _Party:
    callers: list[_Caller] = field(default_factory=list)
    go: anyio.Event = field(default_factory=anyio.Event)


class _Turnstile:
    """Holds callers until the party is complete, and lets them out one by one, the last to come first."""

    def __init__(self) -> None:
        self._party = _Party()

    async def enter(self, of: int) -> _Caller:
        """Return when it is this caller's turn; it has to set `returned` when it leaves."""
        party, caller = self._party, _Caller(answered=_ANSWERED.get())
        party.callers.append(caller)
        try:
            if len(party.callers) < of:
                with anyio.move_on_after(PATIENCE):
                    await party.go.wait()
            self._start(party)
            # The one who came next leaves first. One stream keeps the order in which handlers return;
            # separate HTTP responses do not, so there the whole response has to be out.
            for later in party.callers[party.callers.index(caller) + 1 :][:1]:
                await later.returned.wait()
                if later.answered is not None:
                    await later.answered.wait()
        except BaseException:
            caller.returned.set()
            if not party.go.is_set():
                party.callers.remove(caller)
            raise
        return caller

    def _start(self, party: _Party) -> None:
        party.go.set()
        if self._party is party:
            self._party = _Party()


def create(name: str, room: Room) -> StubServer:
    """Return the server; the gates are the room's events, so anybody in the room may open one."""
    turnstiles = room.facts.setdefault("turnstile", _Turnstile())

    async def wait(_: Context, arguments: dict[str, Any]) -> str:
        gate = str(arguments["gate"])
        await room.event(gate).wait()
        return f"through {gate}"

    async def open_gate(_: Context, arguments: dict[str, Any]) -> str:
        gate = str(arguments["gate"])
        room.event(gate).set()
        return f"opened {gate}"

    async def silent(_: Context, __: dict[str, Any]) -> str:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def turnstile(_: Context, arguments: dict[str, Any]) -> str:
        caller = await turnstiles.enter(int(arguments["of"]))
        caller.returned.set()
        return str(arguments["token"])

    turnstile_schema = described(
        ["token", "of"],
        token=("string", "Handed back to this caller."),
        of=("integer", "How many callers have to be inside."),
    )
    return tool_server(
        name,
        [
            StubTool("wait", "Wait until somebody opens the gate.", wait, strings("gate")),
            StubTool("open", "Open the gate.", open_gate, strings("gate")),
            StubTool("silent", "Never answer.", silent),
            StubTool("turnstile", "Answer the callers, the last to come first.", turnstile, turnstile_schema),
        ],
    )


def http(app: ASGIApp) -> ASGIApp:
    """Let the turnstile know when a response has been sent whole."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        answered = anyio.Event()
        token = _ANSWERED.set(answered)
        try:
            await app(scope, receive, send)
        finally:
            _ANSWERED.reset(token)
            answered.set()

    return watched


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create, http)
