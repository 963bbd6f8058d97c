"""Time limits begin with what a witness has seen, so they measure the agent and nothing before it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from matrix.engine.limits import overdue
from matrix.lab.records import Direction, Frame, RunRecord
from matrix.lab.trace import Trace
from tests.engine.questions import HANG
from tests.saboteurs.running import CAPABILITIES

pytestmark = pytest.mark.anyio

QUESTION = replace(CAPABILITIES["invoke.round-trip"], start_up=HANG, deadline=HANG)
TIMEOUT = replace(CAPABILITIES["invoke.timeout"], start_up=HANG, deadline=HANG)
CALL = Frame(0.0, "slow", "1", Direction.IN, {"id": 1, "method": "tools/call", "params": {"name": "silent"}})
LISTING = Frame(0.0, "slow", "1", Direction.IN, {"id": 0, "method": "tools/list"})


class Waited(Trace):
    """A trace that remembers which limits were waited for in it."""

    def __post_init__(self):
        super().__post_init__()
        self.limits = []

    async def seen(self, seen, seconds):
        self.limits.append(seconds)
        return await super().seen(seen, seconds)


async def test_work_that_ends_is_never_overdue_though_no_witness_saw_a_thing():
    trace, work = Waited(), asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(overdue(work, trace, QUESTION))
    await asyncio.sleep(0)
    work.set_result(None)
    assert await waiting is None


async def test_an_agent_that_never_shows_itself_is_overdue_when_its_start_up_is():
    work = asyncio.get_running_loop().create_future()
    told = await overdue(work, Waited(), replace(QUESTION, start_up=0.01))
    assert told == "no sign of it within 0.01 s"


async def test_the_deadline_begins_with_the_first_sign_of_the_agent():
    trace, work = Waited(), asyncio.get_running_loop().create_future()
    trace.add(LISTING)
    told = await overdue(work, trace, replace(QUESTION, start_up=HANG, deadline=0.01))
    assert (told, trace.limits) == ("no end within 0.01 s", [HANG])


async def test_how_long_a_call_may_take_is_counted_from_the_call():
    trace, work = Waited(), asyncio.get_running_loop().create_future()
    trace.add(LISTING)
    trace.add(CALL)
    told = await overdue(work, trace, replace(TIMEOUT, deadline=0.01))
    assert (told, trace.limits) == ("no end within 0.01 s of the call", [HANG, 0.01])


async def test_a_call_that_never_comes_is_said_to_be_what_was_waited_for():
    trace, work = Waited(), asyncio.get_running_loop().create_future()
    trace.add(LISTING)
    assert await overdue(work, trace, replace(TIMEOUT, deadline=0.01)) == "no call within 0.01 s"


def test_what_a_run_says_is_a_sign_of_the_agent_too():
    trace = Trace()
    assert not trace.has_begun()
    trace.add(RunRecord(0.0, 0, "task"))
    assert trace.has_begun()


def test_a_worker_is_given_all_the_time_that_its_cell_may_take():
    assert QUESTION.longest == HANG + HANG
    assert TIMEOUT.longest == HANG + 2 * HANG
