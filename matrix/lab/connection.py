"""How far an agent got with its servers, as a trace shows it: the revision they agreed on, and what stopped it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.records import Direction, Frame
from matrix.lab.trace import Trace
from matrix.outcome import Reached

REVISION_IN_META = "io.modelcontextprotocol/protocolVersion"
"""Where each request of 2026-07-28 names its revision (basic/index, "Metadata")."""


def reached(trace: Trace) -> Reached:
    """Return how far the agent got with any of its servers."""
    if not trace.listed():
        return Reached.NOTHING
    if not trace.calls():
        return Reached.LISTED
    return Reached.SHOWN if any(each.shown for each in trace.model) else Reached.CALLED


def negotiated(trace: Trace) -> str | None:
    """Return the revision that was spoken, the last one of several; None where none was agreed on."""
    agreed = [
        str(version)
        for request, answer in _answered(trace.frames)
        if (version := _version(request.message, mapping(answer.message.get("result")))) is not None
    ]
    return agreed[-1] if agreed else None


@dataclass(frozen=True)
class Trouble:
    """Why the tools of a server never came to an agent; `refused`: the server refused what it was asked."""

    why: str
    refused: bool


def trouble(trace: Trace, servers: Sequence[str]) -> Trouble | None:
    """Return what kept the tools of a server from the agent; None where all servers were listed.

    That is the last request that was refused, or that the agent never connected.
    """
    found = [
        Trouble(each.why if len(servers) == 1 else f"{server}: {each.why}", each.refused)
        for server in servers
        if not trace.listed(server) and (each := _why_not_listed(trace, server)) is not None
    ]
    # Of several, one that refused tells more than one that nobody asked.
    return min(found, key=lambda each: not each.refused, default=None)


def _why_not_listed(trace: Trace, server: str) -> Trouble | None:
    frames = [each for each in trace.frames if each.server == server]
    answered = list(_answered(frames))
    # Whoever was answered `initialize` did well to go on from a refused `server/discover`.
    past = {"server/discover"} if any(_shakes_hands(request, answer) for request, answer in answered) else set[str]()
    refused = [
        f"{each.rpc_method} was answered {each.status}"
        for each in trace.exchanges("POST")
        if each.server == server and each.status >= 400 and each.rpc_method not in {None, *past}
    ]
    if refused:
        return Trouble(refused[-1], refused=True)
    for request, answer in reversed(answered):
        error, method = mapping(answer.message.get("error")), request.message["method"]
        if error and method not in past:
            said = f"the error {error.get('code')}: {error.get('message')}"
            return Trouble(f"{method} was answered with {said}", refused=True)
    if (given_up := _given_up(frames)) is not None:
        return Trouble(given_up, refused=True)
    if frames:
        asked = {str(each.message.get("method")) for each in frames if each.direction is Direction.IN}
        never = Trouble("the agent never asked the server for its tools", refused=False)
        return None if "tools/list" in asked else never
    if not any(each.server == server for each in (*trace.http, *trace.processes)):
        return Trouble("the agent never connected to the server", refused=False)
    return None


def _given_up(frames: Sequence[Frame]) -> str | None:
    """Say for how long the agent has waited for the answer to a request, before it cancelled that; None: it did not."""
    for frame in reversed(frames):
        if frame.direction is Direction.IN and frame.message.get("method") == "notifications/cancelled":
            number = mapping(frame.message.get("params")).get("requestId")
            for asked in frames:
                if asked.direction is Direction.IN and "id" in asked.message and asked.message["id"] == number:
                    waited = f"{frame.at - asked.at:.0f} s"
                    return f"{asked.message.get('method')} had no answer after {waited}; the agent gave up"
    return None


def _shakes_hands(request: Frame, answer: Frame) -> bool:
    return request.message["method"] == "initialize" and "result" in answer.message


def _answered(frames: Sequence[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """Yield the client's requests that were answered, each with its answer, in the order of the answers."""
    asked: dict[tuple[str, str], Frame] = {}
    for frame in list(frames):
        key = frame.session, repr(frame.message.get("id"))
        if frame.direction is Direction.IN and "method" in frame.message and "id" in frame.message:
            asked[key] = frame
        elif frame.direction is Direction.OUT and "method" not in frame.message and key in asked:
            yield asked.pop(key), frame


def _version(request: Mapping[str, Any], result: Mapping[str, Any]) -> Any:
    """Return the revision that a request and its result settle: the handshake's, or the one a request names."""
    if request.get("method") == "initialize":
        return result.get("protocolVersion")
    named = mapping(mapping(request.get("params")).get("_meta")).get(REVISION_IN_META)
    return named if sequence(result.get("tools")) or "content" in result else None
