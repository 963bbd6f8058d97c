"""The scripted model: speaks the providers' wire protocols and plays a script, turn by turn.

One conversation is one run of an agent. Whether its requests come through the HTTP client's transport or over
loopback, they end here, on the lab's loop, and are answered by the same renderer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from matrix.lab.model.heeding import ends_by_name, is_forced, made_up, must_call, one_to_call, playable, worded
from matrix.lab.model.protocols import protocol_for
from matrix.lab.model.protocols.base import (
    Calling,
    ModelRequest,
    OfferedTool,
    Reply,
    ReplyCall,
    WireProtocol,
    WireResponse,
)
from matrix.lab.model.protocols.reading import bare_path
from matrix.lab.model.strict_arguments import completed
from matrix.lab.records import ModelExchange, NoteKind
from matrix.lab.script import Call, ProviderFault, Script, Turn, say
from matrix.lab.trace import Trace

_FAREWELL = say("done")
_MARKER = re.compile(r"\[mcp:([^/\[\]]+)/([^\[\]]+)\]")


@dataclass(frozen=True)
class _Move:
    """What is played in answer to a request: the turn, the names under which its calls are offered, and a note."""

    turn: Turn
    names: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Conversation:
    """One run: the script, how far it has been played, and what was asked for in vain.

    `position` is the turn to be played next, `made` how many of its calls have been made already: where the agent asks
    for one call at a time, a turn takes several requests. `serial` says that a turn could not be played for that
    reason, and `told` that a text of the script, or the last one, was said. `endings` are the tools that were called
    to end the run, with no turn of the script.
    """

    key: str
    run: int
    script: Script
    trace: Trace
    position: int = 0
    made: int = 0
    answered: int = 0
    serial: bool = False
    told: bool = False
    missing: list[str] = field(default_factory=list[str])
    endings: set[str] = field(default_factory=set[str])

    async def answer(self, path: str, body: bytes) -> WireResponse:
        """Answer one HTTP request of the agent to its provider."""
        protocol = protocol_for(path)
        if protocol is None:
            fault = f"the agent asked its provider for {bare_path(path)}, which the scripted model does not answer"
            self.trace.note(NoteKind.LAB_FAULT, fault)
            return _problem(404, f"no such endpoint: {path}")
        try:
            document: Any = json.loads(body or b"{}")
            if not isinstance(document, dict):
                self._note("the agent's request to its model is no JSON object")
                return protocol.render_fault(400, ValueError("The request's body is no JSON object."))
            content = cast("dict[str, Any]", document)
            aside = protocol.side_answer(path, content)
            if aside is not None:
                return aside
            request = protocol.parse(path, content)
        except ValueError as problem:
            self._note(f"the agent's request to its model is malformed: {problem}")
            return protocol.render_fault(400, problem)
        return await self._play(protocol, request)

    def _note(self, text: str) -> None:
        self.trace.note(NoteKind.MODEL_REQUEST, text)

    async def _play(self, protocol: WireProtocol, request: ModelRequest) -> WireResponse:
        at, number = self.trace.now(), self.answered
        self.answered += 1
        move = self._next(request)
        turn = move.turn
        call_ids = tuple(f"call_{self.run}_{number}_{n}" for n in range(len(move.names)))
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
        return protocol.render(request, reply, response_id=f"resp_{self.run}_{number}")

    def _next(self, request: ModelRequest) -> _Move:
        """Go on in the script as far as the request allows; a script whose tool was not offered is at its end."""
        turn = self._turn()
        if not turn.calls:
            return self._without_calls(request, turn)
        if not request.offered:
            # A request without tools where the script needs one: a side call (a title, a summary), or an agent
            # that has lost its tools. It does not use up a turn.
            return _Move(_said(request, _FAREWELL), note="offered no tools; the script waits")
        if request.choice.calling is Calling.NONE:
            return _Move(_said(request, _FAREWELL), note="the agent lets its model call no tool; the script waits")
        names: list[str] = []
        for wanted in turn.calls:
            name = wanted.tool if wanted.literal else find_tool(wanted, request.offered)
            if name is None:
                self.missing.append(_label(wanted))
                return self._give_up(request, f"{_label(wanted)} was not offered")
            names.append(name)
        return self._played(request, turn, names)

    def _turn(self) -> Turn:
        """Return the turn to be played, or what is left of it."""
        if self.position >= len(self.script.turns):
            return _FAREWELL
        turn = self.script.turns[self.position]
        return replace(turn, calls=turn.calls[self.made :], gate=None, reached=None) if self.made else turn

    def _played(self, request: ModelRequest, turn: Turn, names: Sequence[str]) -> _Move:
        """Make the calls of the turn, as many of them as the request allows."""
        count = playable(request, names)
        if not count:
            return self._in_between(request)
        if turn.at_once and not request.choice.parallel and count < len(names):
            self.serial = True
            return self._give_up(request, "the agent asks its model for one call at a time")
        self.made += count
        if count == len(names):
            self.position, self.made = self.position + 1, 0
        schemas = {tool.name: tool.schema for tool in request.offered}
        calls = tuple(
            replace(wanted, arguments=completed(wanted.arguments, schemas[name])) if name in schemas else wanted
            for wanted, name in zip(turn.calls[:count], names, strict=False)
        )
        return _Move(replace(turn, calls=calls), tuple(names[:count]))

    def _in_between(self, request: ModelRequest) -> _Move:
        """Answer where the calls of the script are not those that the agent allows now; the turn is kept."""
        note = "the agent lets its model call only other tools; the script waits"
        return (self._ending(request, "done", note) if must_call(request) else None) or _Move(
            _said(request, _FAREWELL), note=note
        )

    def _without_calls(self, request: ModelRequest, turn: Turn) -> _Move:
        """Play a text or a fault; where the agent demands a call, its own tool is called with the text."""
        ended = self.told and self.position >= len(self.script.turns)
        if not is_forced(request):
            self.position += 1
        if turn.text is None:
            return _Move(turn)
        if must_call(request):
            move = self._ending(request, turn.text, "the agent demands a call")
            if move is not None:
                return replace(move, turn=replace(move.turn, gate=turn.gate, reached=turn.reached))
            return _Move(_said(request, turn), note="the agent demands a call, and has no tool of its own to be called")
        if ended:
            # The text before this one did not end the run: a model would try the tool that the agent has for that.
            move = self._ending(request, turn.text, "the text did not end the run", by_name=True)
            if move is not None:
                return move
        self.told = True
        return _Move(_said(request, turn))

    def _ending(self, request: ModelRequest, text: str, note: str, *, by_name: bool = False) -> _Move | None:
        """Call a tool that the script does not ask for, with arguments made from its schema."""
        own = [tool for tool in request.offered if not self._is_of_a_server(tool)]
        tool = one_to_call(request, [each for each in own if ends_by_name(each) or not by_name], self.endings)
        if tool is None:
            return None
        self.endings.add(tool.name)
        return _Move(Turn(calls=(made_up(tool, text),)), (tool.name,), note)

    def _is_of_a_server(self, tool: OfferedTool) -> bool:
        """Whether an offered tool is one of a server, by its marker or by what the servers listed."""
        return bool(markers(tool)) or any(find_tool(Call(name), [tool]) for name in self.trace.listed())

    def _give_up(self, request: ModelRequest, note: str) -> _Move:
        self.position, self.made = len(self.script.turns), 0
        return _Move(_said(request, say(f"I cannot go on: {note}.")), note=note)


def _said(request: ModelRequest, turn: Turn) -> Turn:
    """Return the turn with its text as the request wants one to be."""
    return replace(turn, text=worded(request, turn.text or ""))


def find_tool(wanted: Call, offered: Sequence[OfferedTool]) -> str | None:
    """Return the name under which the wanted tool is offered, or None.

    First by the marker that stubs put into descriptions. Then by name, every character outside [A-Za-z0-9] taken
    for the same separator: the server's name and the tool's (`srv__tool`, `mcp_srv_tool`) where the server is
    named, else the very name, else a name that ends in it.
    """
    for tool in offered:
        for server, name in markers(tool):
            if name == wanted.tool and wanted.server in {None, server}:
                return tool.name
    plain = _plain(wanted.tool)
    ends = [tool.name for tool in offered if _plain(tool.name).endswith(f"_{plain}")]
    of_server = [name for name in ends if wanted.server is not None and _plain(wanted.server) in _plain(name)]
    exact = [tool.name for tool in offered if tool.name == wanted.tool]
    same = [tool.name for tool in offered if _plain(tool.name) == plain]
    return next((min(names, key=len) for names in (of_server, exact, same, ends) if names), None)


def markers(tool: OfferedTool) -> list[tuple[str, str]]:
    """Return server and tool of every marker in the description: stubs put one into each."""
    return _MARKER.findall(tool.description)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name)


def _label(wanted: Call) -> str:
    return wanted.tool if wanted.server is None else f"{wanted.server}/{wanted.tool}"


def _faulty(protocol: WireProtocol, fault: ProviderFault) -> WireResponse:
    if fault.malformed:
        return WireResponse(200, "application/json", (b'{"object": "chat.comple',))
    return protocol.render_fault(fault.status)


def _problem(status: int, message: str) -> WireResponse:
    body: Mapping[str, Any] = {"error": {"message": message, "type": "invalid_request_error"}}
    return WireResponse(status, "application/json", (json.dumps(body).encode(),))
