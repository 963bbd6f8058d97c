"""Silence: what moves, what is awaited of us, and what computes is not silent."""

from __future__ import annotations

import asyncio
import time

import pytest

from matrix.engine import stillness
from matrix.engine.stillness import Stillness
from matrix.lab.records import Direction, Frame, NoteKind
from matrix.lab.trace import Trace

pytestmark = pytest.mark.anyio

CALL = Frame(0.0, "slow", "1", Direction.IN, {"id": 1, "method": "tools/call", "params": {"name": "silent"}})
ANSWER = Frame(0.1, "slow", "1", Direction.OUT, {"id": 1, "result": {}})
CANCELLED = Frame(0.1, "slow", "1", Direction.IN, {"method": "notifications/cancelled", "params": {"requestId": 1}})


@pytest.fixture
def calm(monkeypatch):
    """Have this process be as busy as the test says."""
    busy = {"seconds": 1.0}
    monkeypatch.setattr(stillness, "_busy", lambda: busy["seconds"])
    return busy


def after(trace: Trace, *ticks: float) -> float:
    """Return how long it has been still, after these seconds one after the other."""
    still = Stillness(trace)
    still.take(1)
    still.take(1)
    for seconds in ticks:
        still.take(seconds)
    return still.seconds


def test_seconds_in_which_nothing_moves_are_counted(calm):
    assert after(Trace(), 1, 1, 1) == 3


def test_what_a_witness_records_begins_it_anew(calm):
    trace = Trace()
    still = Stillness(trace)
    for _ in range(4):
        still.take(1)
    assert still.seconds == 2
    trace.note(NoteKind.ADVICE, "something")
    still.take(1)
    assert still.seconds == 0


@pytest.mark.parametrize(("frames", "silent"), [((CALL,), 0), ((CALL, ANSWER), 2), ((CALL, CANCELLED), 2)])
def test_a_request_that_no_server_has_answered_is_ours_until_it_is_answered_or_cancelled(calm, frames, silent):
    trace = Trace()
    for frame in frames:
        trace.add(frame)
    assert after(trace, 1, 1) == silent


def test_a_turn_that_is_held_back_is_ours(calm):
    trace = Trace()
    with trace.owing():
        assert after(trace, 1, 1) == 0
    assert after(trace, 1, 1) == 2


async def test_what_a_check_waits_for_is_ours(calm):
    trace = Trace()
    waiting = asyncio.ensure_future(trace.until(lambda: False, 60))
    await asyncio.sleep(0)
    assert trace.owed
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not trace.owed


async def test_what_one_question_waits_for_in_a_shared_trace_is_ours_for_all(calm):
    trace = Trace()
    twin = trace.sharing()
    waiting = asyncio.ensure_future(twin.until(lambda: False, 60))
    await asyncio.sleep(0)
    assert trace.owed
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not trace.owed


def test_who_is_busy_is_not_silent(calm):
    still = Stillness(Trace())
    for _ in range(5):
        calm["seconds"] += 0.5
        still.take(1)
    assert still.seconds == 0
    still.take(1)
    assert still.seconds == 1


async def test_it_lasts_as_long_as_it_is_waited_for(calm):
    await asyncio.wait_for(Stillness(Trace()).lasts(0.01), 60)


def test_the_seconds_computed_are_those_of_this_process_and_what_it_started():
    before, own = stillness._measured(), time.process_time()
    sum(range(10**6))
    assert stillness._measured() - before >= time.process_time() - own - 0.5
