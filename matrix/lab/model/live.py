"""The model transport of a live run: nothing is replaced, and what the model is offered and shown is recorded.

Model requests of an agent in this process go to its provider as they are, over `httpx2` or `httpx`, streamed or not.
What the model answered is not read from the response: the agent's next request tells which calls it made.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import httpx
import httpx2

from matrix.json_access import mapping
from matrix.lab.model.conversation import Conversation
from matrix.lab.model.finding import Listed, find_tool, markers
from matrix.lab.model.in_flight import WhoseIsIt, inherited_by_threads, run_of
from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.model.protocols.base import ModelRequest, OfferedTool, ReplyCall, WireProtocol
from matrix.lab.records import ModelExchange, NoteKind
from matrix.lab.script import Call, Script, Turn

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def recorded() -> Generator[None]:
    """Record this process's model requests in the run that they belong to, and let every request pass."""
    with ExitStack() as stack:
        stack.enter_context(inherited_by_threads())
        for library in (httpx, httpx2):
            stack.enter_context(_overheard(library.AsyncHTTPTransport, library.HTTPTransport))
        yield


@contextmanager
def _overheard(asynchronous: Any, blocking: Any) -> Generator[None]:
    """Overhear the transports of one library."""
    passed_on = asynchronous.handle_async_request
    passed_on_blocking = blocking.handle_request

    async def handle(self: Any, request: Any) -> Any:
        protocol = _overheard_by(request)
        if protocol is not None:
            _record(protocol, request.url.raw_path, await request.aread())
        return await passed_on(self, request)

    def handle_blocking(self: Any, request: Any) -> Any:
        protocol = _overheard_by(request)
        if protocol is not None:
            _record(protocol, request.url.raw_path, request.read())
        return passed_on_blocking(self, request)

    asynchronous.handle_async_request = handle
    blocking.handle_request = handle_blocking
    try:
        yield
    finally:
        asynchronous.handle_async_request = passed_on
        blocking.handle_request = passed_on_blocking


def _overheard_by(request: Any) -> WireProtocol | None:
    """Return the protocol of what may be a model request by its path."""
    if request.method != "POST":
        return None
    return next((each for each in PROTOCOLS.values() if each.matches(request.url.path)), None)


def _record(protocol: WireProtocol, raw_path: bytes, body: bytes) -> None:
    try:
        document, conversation = mapping(json.loads(body)), run_of(body)
    except (ValueError, WhoseIsIt):
        return
    if conversation is None or not document.keys() & {"model", "contents"}:
        return  # other services have paths that end in `/messages` too
    path = raw_path.decode("ascii")
    try:
        request = protocol.parse(path, document)
    except ValueError as problem:
        conversation.trace.note(
            NoteKind.MODEL_REQUEST, f"a request to the live model is unlike {protocol.name}: {problem}"
        )
        return
    with _ONE_AT_A_TIME:
        _complete_the_one_before(conversation, request)
        conversation.trace.add(
            ModelExchange(
                conversation.trace.now(),
                conversation.run,
                protocol.name,
                request.system,
                request.user_text,
                request.offered,
                request.results,
                reply=None,
                asked=request.asked,
            )
        )


def _complete_the_one_before(conversation: Conversation, request: ModelRequest) -> None:
    """Give the calls that this request brings in to the exchange that it continues.

    That is, of those without an answer yet, the latest one whose conversation this request has whole, and that
    offered what was called: titles, summaries, other agents' requests and repeated ones come in between.
    """
    earlier = [each for each in conversation.trace.model if each.run == conversation.run]
    given = {call_id for each in earlier for call_id in each.call_ids}
    carried = {call.call_id for call in request.asked}
    found: list[tuple[tuple[bool, bool, int], ModelExchange, tuple[ReplyCall, ...]]] = []
    for number, each in enumerate(earlier):
        known = {call.call_id for call in each.asked}
        fresh = tuple(call for call in request.asked if call.call_id not in known | given)
        if each.reply is None and fresh:
            offers = bool({tool.name for tool in each.offered} & {call.name for call in fresh})
            found.append(((known <= carried, offers, number), each, fresh))
    if not found:
        return
    _, exchange, calls = max(found, key=lambda one: one[0])
    turn = Turn(tuple(_call(each, exchange.offered, conversation.script, conversation.trace.listed) for each in calls))
    names, call_ids = tuple(each.name for each in calls), tuple(each.call_id for each in calls)
    conversation.trace.complete(exchange, replace(exchange, reply=turn, names=names, call_ids=call_ids))


def _call(
    made: ReplyCall, offered: Sequence[OfferedTool], script: Script, listed: Callable[[str | None], Listed]
) -> Call:
    """Return a call by the server's name of its tool: by the marker, by the script's name of it, or as it was made."""
    marked = [marker for tool in offered if tool.name == made.name for marker in markers(tool)]
    if len(marked) == 1:
        server, name = marked[0]
        return Call(name, made.arguments, server)
    for wanted in (each for turn in script.turns for each in turn.calls):
        if not wanted.literal and find_tool(wanted, offered, listed(wanted.server)) == made.name:
            return Call(wanted.tool, made.arguments, wanted.server)
    return Call(made.name, made.arguments)
