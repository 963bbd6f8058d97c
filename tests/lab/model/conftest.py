"""Conversations with the scripted model, and the tap through which an agent in this process meets it."""

from __future__ import annotations

import pytest

from matrix.lab.model.conversation import Conversation
from matrix.lab.model.transport import intercepted
from matrix.lab.script import Script
from matrix.lab.trace import Trace
from tests.lab.model.published import problems


@pytest.fixture(autouse=True)
def _every_answer_is_as_published(monkeypatch):
    """Check each answer that the scripted model sends in a test, but for the one that is broken on purpose."""
    answer, found = Conversation.answer, []

    async def checked(self, path, body):
        sent = await answer(self, path, body)
        if not _is_malformed(self):
            found.extend(problems(path, body, sent))
        return sent

    monkeypatch.setattr(Conversation, "answer", checked)
    yield
    assert found == []


def _is_malformed(conversation):
    played = list(conversation.trace.model)
    fault = played[-1].reply.fault if played and played[-1].reply else None
    return fault is not None and fault.malformed


@pytest.fixture
def converse(lab):
    """Return a function that begins a conversation of these turns."""
    count = iter(range(100))

    def begin(*turns):
        return lab.converse("c0", next(count), Script(turns), Trace())

    return begin


@pytest.fixture
def tap(lab):
    """Tap this process, as a worker does."""
    with intercepted(lambda conversation, path, body: lab.call(conversation.answer(path, body)), None):
        yield
