"""An agent that holds its event loop for good is told so, with the function that it does it in."""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import replace
from typing import Self

import pytest

from matrix.adapters.base import Task
from matrix.adapters.control import Control
from matrix.engine import loop_watch
from matrix.engine.local import HELD_LIMIT, LocalEngine
from matrix.engine.loop_watch import LoopWatch
from matrix.engine.messages import Holding, LastWords
from matrix.engine.options import Options
from matrix.events import Finished
from matrix.lab.trace import Trace
from matrix.model import Verdict
from tests.lab.bench import HANG
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, is_the_one, planned
from tests.saboteurs.saboteur import registered

ASKED = [each for each in sorted(CAPABILITIES) if each.startswith(("schema.", "discovery.t"))]


def waits_for_the_shop(opens: threading.Event | None = None) -> None:
    (opens or threading.Event()).wait()


async def waits_on_its_loop(task: Task) -> str:
    """Do well, and then wait in a call that blocks."""
    answer = await Control.answer(task)
    waits_for_the_shop()
    return answer


def test_an_agent_that_blocks_its_loop_ends_its_row_with_the_function_that_it_waits_in() -> None:
    agent = registered(f"{__name__}:waits_on_its_loop", "blocks", REPOSITORY)
    capabilities = [replace(CAPABILITIES[each], silence=2.0) for each in ASKED]
    plan = planned([agent], capabilities, lambda cell: is_the_one(cell, CAPABILITIES[cell.capability], "http"))
    done = [each.outcome for each in LocalEngine(plan, Options()).run() if isinstance(each, Finished)]
    assert {each.verdict for each in done} == {Verdict.TIMED_OUT}
    told = "the agent blocked its event loop for 2 s, in waits_for_the_shop (test_loop_watch.py)"
    not_asked = f"not asked: in each of the {HELD_LIMIT} cells before it, {told}"
    assert {each.reason for each in done} == {told, not_asked}
    assert len(plan.cells) > HELD_LIMIT


class Watching:
    """A loop on a thread of its own, and what is told of it."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Holding | LastWords] = queue.SimpleQueue()
        self.trace = Trace()
        self._over = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(HANG)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(HANG)

    def next(self) -> Holding | LastWords:
        return self.told.get(timeout=HANG)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        with LoopWatch(self.told.put).over(self.trace, silence=2.0):
            self._ready.set()
            await self._over.wait()


@pytest.fixture
def watching():
    with Watching() as found:
        yield found


def computes(until: threading.Event) -> None:
    while not until.is_set():
        sum(range(1000))


def test_a_loop_that_goes_on_again_is_no_longer_held(watching):
    opens = threading.Event()
    watching.loop.call_soon_threadsafe(waits_for_the_shop, opens)
    assert watching.next() == Holding(", in waits_for_the_shop (test_loop_watch.py)")
    opens.set()
    assert watching.next() == Holding("")


def test_a_loop_that_waits_for_what_we_owe_is_not_blocked_for_good(watching):
    opens = threading.Event()
    with watching.trace.owing():
        watching.loop.call_soon_threadsafe(waits_for_the_shop, opens)
        assert watching.next().where
        with pytest.raises(queue.Empty):
            watching.told.get(timeout=3)  # longer than the silence that ends it
    assert watching.next() == LastWords(
        "blocked its event loop for 2 s, in waits_for_the_shop (test_loop_watch.py)", timed_out=True
    )
    opens.set()


def test_who_computes_is_given_seconds_of_its_own_thread(watching, monkeypatch):
    monkeypatch.setattr(loop_watch, "COMPUTING_SECONDS", 0.1)
    until = threading.Event()
    watching.loop.call_soon_threadsafe(computes, until)
    assert watching.next() == Holding(", in computes (test_loop_watch.py)")
    assert watching.next() == LastWords(
        "computed for 0.1 s and let nothing else run on its event loop, in computes (test_loop_watch.py)",
        timed_out=True,
    )
    until.set()
