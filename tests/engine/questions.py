"""A question and agents of one line, for the tests of executing a cell."""

from __future__ import annotations

from matrix.capabilities.verbs import expect
from matrix.lab.script import call

HANG = 60
"""Seconds after which a question is given up; nothing comes near."""


async def round_trip(cell):
    """Return what the server said."""
    nonce = cell.nonce()
    run = await cell.ask(call("echo", text=nonce))
    expect(run.result("echo") == nonce, "the model was shown something else")


def raising(problem):
    """Return an agent that raises this."""

    async def agent(_):
        raise problem

    return agent
