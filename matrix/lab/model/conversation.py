"""The scripted model: speaks the providers' wire protocols and plays a script, turn by turn.

One conversation is one run of an agent. Whether its requests come through the HTTP client's transport or over
loopback, they end here, on the lab's loop, and are answered by the same renderer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from matrix.lab.model.protocols import protocol_for
from matrix.lab.model.protocols.base import ModelRequest, Reply, ReplyCall, WireProtocol, WireResponse
from matrix.lab.model.reaching import Detour, OutOfReach, Reach, Way
from matrix.lab.records import Hidden, ModelExchange, NoteKind
from matrix.lab.script import Call, ProviderFault, Script, Turn, say
from matrix.lab.trace import Trace

_FAREWELL = say("done")


@dataclass(frozen=True)
class _Move:
    """What is played in answer to a request: the turn, how its calls are made, a note, and how their ids begin."""

    turn: Turn
    ways: tuple[Way, ...] = ()
    note: str = ""
    prefix: str = ""


@dataclass
class Conversation:
    """One run: the script, how far it has been played, and what was asked for in vain.

    `tried` are the agent's own tools that did not lead to a missing one; `hidden` says how the agent has its model
    use tools, where it offers none.
    """

    key: str
    run: int
    script: Script
    trace: Trace
    position: int = 0
    missing: list[str] = field(default_factory=list[str])
    tried: tuple[str, ...] = ()
    hidden: Hidden | None = None

    def __post_init__(self) -> None:
        self.prompt = self.script.prompt()
        self._reach = Reach(self.trace, self.prompt)
        self._asides = 0

    @property
    def call_ids(self) -> frozenset[str]:
        """The ids of all calls that the model has made in this run."""
        made = [each.call_ids for each in list(self.trace.model) if each.run == self.run]
        return frozenset(call_id for call_ids in made for call_id in call_ids)

    async def answer(self, path: str, body: bytes) -> WireResponse:
        """Answer one HTTP request of the agent to its provider."""
        protocol = protocol_for(path)
        if protocol is None:
            self._note(f"the agent asked its provider for {path}, which is no model request")
            return _problem(404, f"no such endpoint: {path}")
        try:
            document: Any = json.loads(body or b"{}")
            if not isinstance(document, dict):
                self._note("the agent's request to its model is no JSON object")
                return protocol.render_fault(400)
            content = cast("dict[str, Any]", document)
            aside = protocol.side_answer(path, content)
            if aside is not None:
                return aside
            request = protocol.parse(path, content)
        except ValueError as problem:
            self._note(f"the agent's request to its model is malformed: {problem}")
            return protocol.render_fault(400)
        return await self._play(protocol, request)

    def _note(self, text: str) -> None:
        self.trace.note(NoteKind.MODEL_REQUEST, text)

    async def _play(self, protocol: WireProtocol, request: ModelRequest) -> WireResponse:
        at, position = self.trace.now(), self.position
        move = self._next(request)
        turn = move.turn
        names = tuple(way.name for way in move.ways)
        prefix = move.prefix or f"call_{self.run}_{position}"
        call_ids = tuple(f"{prefix}_{n}" for n in range(len(names)))
        self.trace.add(
            ModelExchange(
                at,
                self.run,
                protocol.name,
                request.system,
                request.user_text,
                request.offered,
                request.results,
                turn,
                names,
                call_ids,
                move.note,
                request.asked,
                tuple(self._reach.shown.values()),
            )
        )
        if turn.reached is not None:
            turn.reached.open()
        if turn.gate is not None:
            await turn.gate.wait()
        if turn.fault is not None:
            return _faulty(protocol, turn.fault)
        calls = tuple(
            ReplyCall(call_id, way.name, way.arguments) for call_id, way in zip(call_ids, move.ways, strict=True)
        )
        reply = Reply(text=turn.text, calls=calls)
        return protocol.render(request, reply, response_id=f"resp_{self.run}_{position}")

    def _next(self, request: ModelRequest) -> _Move:
        """Go on in the script; one whose tool cannot be reached is at its end."""
        turn = self.script.turns[self.position] if self.position < len(self.script.turns) else _FAREWELL
        if turn.calls and not request.offered:
            # A request without tools where the script needs one: a side call (a title, a summary), or an agent
            # that has lost its tools. It does not use up a turn.
            self.hidden = self._reach.hidden(turn.calls[0], request) or self.hidden
            return _Move(_FAREWELL, note="offered no tools; the script waits")
        ways: list[Way] = []
        for wanted in turn.calls:
            match self._reach.find(wanted, request):
                case Way() as way:
                    ways.append(way)
                case Detour() as detour:
                    return self._aside(detour)
                case OutOfReach() as end:
                    return self._given_up(wanted, end)
        self.position += 1
        if turn.calls:
            self.missing.clear()
            self.hidden, self.tried = None, ()
        return _Move(turn, tuple(ways))

    def _aside(self, detour: Detour) -> _Move:
        """Play what may lead to a tool of the script, which waits."""
        prefix = f"aside_{self.run}_{self._asides}"
        self._asides += 1
        self._reach.begin(f"{prefix}_0", detour)
        turn = Turn((Call(detour.way.name, detour.way.arguments, literal=True),), aside=detour.aside)
        return _Move(turn, (detour.way,), detour.note, prefix)

    def _given_up(self, wanted: Call, end: OutOfReach) -> _Move:
        """End the script; but where a delegate could not go on, whoever delegated may."""
        note = f"{wanted.label} was not offered"
        if wanted.label not in self.missing:
            self.missing.append(wanted.label)
        self.tried, self.hidden = end.tried, end.hidden or self.hidden
        if not end.elsewhere:
            self.position = len(self.script.turns)
        return _Move(say(f"I cannot go on: {note}."), note=note)


def _faulty(protocol: WireProtocol, fault: ProviderFault) -> WireResponse:
    if fault.malformed:
        return WireResponse(200, "application/json", (b'{"object": "chat.comple',))
    return protocol.render_fault(fault.status)


def _problem(status: int, message: str) -> WireResponse:
    body: Mapping[str, Any] = {"error": {"message": message, "type": "invalid_request_error"}}
    return WireResponse(status, "application/json", (json.dumps(body).encode(),))
