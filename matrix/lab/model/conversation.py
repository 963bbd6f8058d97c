"""The scripted model: speaks the providers' wire protocols and plays a script, turn by turn.

One conversation is one run of an agent. Whether its requests come through the HTTP client's transport or over
loopback, they end here, on the lab's loop, and are answered by the same renderer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from matrix.lab.model.finding import find_tool
from matrix.lab.model.protocols import protocol_for
from matrix.lab.model.protocols.base import ModelRequest, Reply, ReplyCall, WireProtocol, WireResponse
from matrix.lab.records import ModelExchange, NoteKind
from matrix.lab.script import Call, ProviderFault, Script, Turn, say
from matrix.lab.trace import Trace

_FAREWELL = say("done")


@dataclass(frozen=True)
class _Move:
    """What is played in answer to a request: the turn, the names under which its calls are offered, and a note."""

    turn: Turn
    names: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Conversation:
    """One run: the script, how far it has been played, and what was asked for in vain."""

    key: str
    run: int
    script: Script
    trace: Trace
    position: int = 0
    missing: list[str] = field(default_factory=list[str])

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
        call_ids = tuple(f"call_{self.run}_{position}_{n}" for n in range(len(move.names)))
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
                move.names,
                call_ids,
                move.note,
                request.asked,
            )
        )
        if turn.reached is not None:
            turn.reached.open()
        if turn.gate is not None:
            await turn.gate.wait()
        if turn.fault is not None:
            return _faulty(protocol, turn.fault)
        calls = tuple(
            ReplyCall(call_id, name, wanted.arguments)
            for call_id, name, wanted in zip(call_ids, move.names, turn.calls, strict=True)
        )
        reply = Reply(text=turn.text, calls=calls)
        return protocol.render(request, reply, response_id=f"resp_{self.run}_{position}")

    def _next(self, request: ModelRequest) -> _Move:
        """Go on in the script; one whose tool was not offered is at its end."""
        turn = self.script.turns[self.position] if self.position < len(self.script.turns) else _FAREWELL
        if turn.calls and not request.offered:
            # A request without tools where the script needs one: a side call (a title, a summary), or an agent
            # that has lost its tools. It does not use up a turn.
            return _Move(_FAREWELL, note="offered no tools; the script waits")
        self.position += 1
        names: list[str] = []
        for wanted in turn.calls:
            name = wanted.tool if wanted.literal else find_tool(wanted, request.offered)
            if name is None:
                note = f"{_label(wanted)} was not offered"
                self.missing.append(_label(wanted))
                self.position = len(self.script.turns)
                return _Move(say(f"I cannot go on: {note}."), note=note)
            names.append(name)
        return _Move(turn, tuple(names))


def _label(wanted: Call) -> str:
    return wanted.tool if wanted.server is None else f"{wanted.server}/{wanted.tool}"


def _faulty(protocol: WireProtocol, fault: ProviderFault) -> WireResponse:
    if fault.malformed:
        return WireResponse(200, "application/json", (b'{"object": "chat.comple',))
    return protocol.render_fault(fault.status)


def _problem(status: int, message: str) -> WireResponse:
    body: Mapping[str, Any] = {"error": {"message": message, "type": "invalid_request_error"}}
    return WireResponse(status, "application/json", (json.dumps(body).encode(),))
