"""The runs that are under way in this process, and which of them a request to the model belongs to.

A task inherits the run that it was started in, and here a thread does too. What was started outside of every run, or
has outlived its own (a worker of a queue, a pool), is told by what its request carries: the prompt of a run, or the
ids of calls that were made in it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from matrix.lab.model.conversation import Conversation
from matrix.lab.model.inheriting import holds, inherited
from matrix.lab.records import NoteKind

CURRENT: ContextVar[Conversation | None] = ContextVar("CURRENT", default=None)
"""The run that the current task or thread was started in."""

_IN_FLIGHT: list[Conversation] = []
_CALL_ID = re.compile(rb"(?:call|aside)_\d+_\d+_\d+")


class WhoseIsIt(Exception):
    """A request to the model that may belong to several runs; each of them takes note of it."""

    def __init__(self, runs: Sequence[Conversation]) -> None:
        super().__init__(
            "a request to the model came from a thread or task that was not started in its run, and nothing in it "
            "tells which of the runs under way it belongs to; alone (`--cell`) it can be told"
        )
        for each in runs:
            each.trace.note(NoteKind.LAB_FAULT, str(self))


@contextmanager
def in_flight(conversation: Conversation) -> Generator[None]:
    """Take a run for one that is under way; what is started in this context belongs to it."""
    _IN_FLIGHT.append(conversation)
    token = CURRENT.set(conversation)
    try:
        yield
    finally:
        CURRENT.reset(token)
        _IN_FLIGHT.remove(conversation)


def run_of(body: bytes) -> Conversation | None:
    """Return the run that a request to the model belongs to, or None where there is none. Raises WhoseIsIt.

    It is the run that the request was started in; but if that is over, or the request has the prompt of another one,
    then the only run whose prompt it has; and if it has none, the only one that is under way.
    """
    current, running = CURRENT.get(), list(_IN_FLIGHT)
    carried = _carried(body, running)
    if current in running:
        strange = [each for each in carried if each.prompt not in current.prompt]
        return strange[0] if len(strange) == 1 and len(carried) == 1 else current
    candidates = carried or ([] if current is not None else running)
    if len(candidates) > 1:
        raise WhoseIsIt(candidates)
    return candidates[0] if candidates else current


def _carried(body: bytes, running: Sequence[Conversation]) -> list[Conversation]:
    """Return the runs whose prompt, the longest that it has, is in a request, and the most of whose calls are."""
    found = [each for each in running if holds(body, each.prompt)]
    longest = max((len(each.prompt) for each in found), default=0)
    found = [each for each in found if len(each.prompt) == longest]
    if len(found) < 2:
        return found
    ids = {each.decode() for each in _CALL_ID.findall(body)}
    made = [len(each.call_ids & ids) if each.call_ids <= ids else -1 for each in found]
    return [each for each, count in zip(found, made, strict=True) if count == max(made)]


def inherited_by_threads() -> AbstractContextManager[None]:
    """Have threads belong to the run in which they are started, and the tasks of a pool to that of who submits them."""
    return inherited(CURRENT)
