"""The scripted model: speaks the providers' wire protocols and plays a script, turn by turn.

One conversation is one run of an agent. Whether its requests come through the HTTP client's transport or over
loopback, they end here, on the lab's loop, and are answered by the same renderer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from matrix.lab.model.call_ids import under_our_ids
from matrix.lab.model.finding import find_tool, markers
from matrix.lab.model.harmless import a_word
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
from matrix.lab.model.reaching import Detour, OutOfReach, Reach, Way
from matrix.lab.model.stored_responses import StoredResponses
from matrix.lab.model.strict_arguments import completed
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

    `position` is the turn to be played next, `made` how many of its calls have been made already: where the agent asks
    for one call at a time, a turn takes several requests. `serial` says that a turn could not be played for that
    reason, and `told` that a text of the script, or the last one, was said. `endings` are the tools that were called
    to end the run, with no turn of the script. `tried` are the agent's own tools that did not lead to a missing one;
    `hidden` says how the agent has its model use tools, where it offers none; `apart` that a turn could not be played
    since no delegate has all of its tools, and `told_in_texts` that a result was shown as a text of the user's. `calls`
    are those that the model has made.
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
    tried: tuple[str, ...] = ()
    hidden: Hidden | None = None
    apart: bool = False
    told_in_texts: bool = False
    calls: list[ReplyCall] = field(default_factory=list[ReplyCall])

    def __post_init__(self) -> None:
        self.prompt = self.script.prompt()
        self._reach = Reach(self.trace, self.prompt)
        self._asides = 0
        self._stored = StoredResponses()
        self._delegated: set[str] = set()

    @property
    def call_ids(self) -> frozenset[str]:
        """The ids of all calls that the model has made in this run."""
        return frozenset(each.call_id for each in list(self.calls))

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
            if protocol.name == "openai-responses":
                content = self._stored.continued(content)
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
        request = under_our_ids(request, self.calls)
        self.told_in_texts = self.told_in_texts or self._reach.told_in_texts(request, self.calls)
        move = self._next(request)
        turn = move.turn
        names = tuple(way.name for way in move.ways)
        prefix = move.prefix or f"call_{self.run}_{number}"
        calls = tuple(ReplyCall(f"{prefix}_{n}", way.name, way.arguments) for n, way in enumerate(move.ways))
        self.calls += calls
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
                tuple(each.call_id for each in calls),
                move.note,
                request.asked,
                tuple(self._reach.shown.values()),
            )
        )
        if turn.reached is not None:
            turn.reached.open()
        if turn.gate is not None:
            with self.trace.owing():
                await turn.gate.wait()
        if turn.fault is not None:
            return _faulty(protocol, turn.fault)
        reply = Reply(text=turn.text, calls=calls)
        answer = protocol.render(request, reply, response_id=f"resp_{self.run}_{number}")
        if protocol.name == "openai-responses":
            self._stored.keep(request.raw, answer)
        return answer

    def _next(self, request: ModelRequest) -> _Move:
        """Go on in the script as far as the request allows; one whose tool cannot be reached is at its end."""
        turn = self._turn()
        if not turn.calls:
            return self._without_calls(request, turn)
        if not request.offered:
            # A request without tools where the script needs one: a side call (a title, a summary), or an agent
            # that has lost its tools. It does not use up a turn.
            every = [each for one in self.script.turns for each in one.calls]
            wanted = next((each for each in every if not each.literal), turn.calls[0])
            self.hidden = self._reach.hidden(wanted, request) or self.hidden
            text = a_word(f"{request.system} {request.user_text.replace(self.prompt, '')}")
            return _Move(_said(request, say(text) if text else _FAREWELL), note="offered no tools; the script waits")
        if request.choice.calling is Calling.NONE:
            return _Move(_said(request, _FAREWELL), note="the agent lets its model call no tool; the script waits")
        ways: list[Way] = []
        for wanted in turn.calls:
            match self._reach.find(wanted, request):
                case Way() as way:
                    ways.append(way)
                case Detour() as detour:
                    return self._aside(request, detour)
                case OutOfReach() as end:
                    if end.elsewhere:
                        self._note_apart(request, turn)
                    return self._out_of_reach(request, wanted, end)
        return self._played(request, turn, ways)

    def _turn(self) -> Turn:
        """Return the turn to be played, or what is left of it."""
        if self.position >= len(self.script.turns):
            return _FAREWELL
        turn = self.script.turns[self.position]
        return replace(turn, calls=turn.calls[self.made :], gate=None, reached=None) if self.made else turn

    def _played(self, request: ModelRequest, turn: Turn, ways: Sequence[Way]) -> _Move:
        """Make the calls of the turn, as many of them as the request allows."""
        count = playable(request, [way.name for way in ways])
        if not count:
            return self._in_between(request)
        if turn.at_once and not request.choice.parallel and count < len(ways):
            self.serial = True
            return self._give_up(request, "the agent asks its model for one call at a time")
        self.made += count
        if count == len(ways):
            self.position, self.made = self.position + 1, 0
        self.missing.clear()
        self.hidden, self.tried = None, ()
        schemas = {tool.name: tool.schema for tool in request.offered}
        made = tuple(
            replace(way, arguments=completed(way.arguments, schemas.get(way.name, {}))) for way in ways[:count]
        )
        return _Move(replace(turn, calls=turn.calls[:count]), made)

    def _aside(self, request: ModelRequest, detour: Detour) -> _Move:
        """Play what may lead to a tool of the script, which waits."""
        if not playable(request, [detour.way.name]):
            return self._in_between(request)
        prefix = f"aside_{self.run}_{self._asides}"
        self._asides += 1
        self._reach.begin(f"{prefix}_0", detour)
        turn = Turn((Call(detour.way.name, detour.way.arguments, literal=True),), aside=detour.aside)
        return _Move(turn, (detour.way,), detour.note, prefix)

    def _out_of_reach(self, request: ModelRequest, wanted: Call, end: OutOfReach) -> _Move:
        """End the script; but where a delegate could not go on, whoever delegated may."""
        note = f"{wanted.label} was not offered"
        if wanted.label not in self.missing:
            self.missing.append(wanted.label)
        self.tried, self.hidden = end.tried, end.hidden or self.hidden
        if not end.elsewhere:
            return self._give_up(request, note)
        return _Move(_said(request, say(f"I cannot go on: {note}.")), note=note)

    def _note_apart(self, request: ModelRequest, turn: Turn) -> None:
        """Take note of which tools of a turn a delegate has that has not all of them."""
        listed = self.trace.listed()
        self._delegated |= {each.label for each in turn.calls if find_tool(each, request.offered, listed) is not None}
        self.apart = self.apart or {each.label for each in turn.calls} <= self._delegated

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
        call = made_up(tool, text)
        return _Move(Turn(calls=(call,)), (Way(call.tool, call.arguments),), note)

    def _is_of_a_server(self, tool: OfferedTool) -> bool:
        """Whether an offered tool is one of a server, by its marker or by what the servers listed."""
        return bool(markers(tool)) or any(find_tool(Call(name), [tool]) for name in self.trace.listed())

    def _give_up(self, request: ModelRequest, note: str) -> _Move:
        self.position, self.made = len(self.script.turns), 0
        return _Move(_said(request, say(f"I cannot go on: {note}.")), note=note)


def _said(request: ModelRequest, turn: Turn) -> Turn:
    """Return the turn with its text as the request wants one to be."""
    return replace(turn, text=worded(request, turn.text or ""))


def _faulty(protocol: WireProtocol, fault: ProviderFault) -> WireResponse:
    if fault.malformed:
        return WireResponse(200, "application/json", (b'{"object": "chat.comple',))
    return protocol.render_fault(fault.status)


def _problem(status: int, message: str) -> WireResponse:
    body: Mapping[str, Any] = {"error": {"message": message, "type": "invalid_request_error"}}
    return WireResponse(status, "application/json", (json.dumps(body).encode(),))
