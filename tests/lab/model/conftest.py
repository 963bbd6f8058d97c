"""Conversations with the scripted model, and the tap through which an agent in this process meets it."""

from __future__ import annotations

import pytest

from matrix.lab.model.transport import intercepted
from matrix.lab.script import Script
from matrix.lab.trace import Trace


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
