"""A beat tells a blocking call from a busy machine and from computing."""

from __future__ import annotations

import sys
import time

import pytest

from matrix.engine.beat import Beat

pytestmark = pytest.mark.anyio

HELD = 0.3


async def test_a_blocking_call_holds_the_loop():
    with Beat() as beat:
        while beat.longest < HELD:
            time.sleep(0.01)  # noqa: ASYNC251  (the vice itself)
    assert beat.longest >= HELD


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a thread has computed")
async def test_computing_does_not_count_however_slow_the_machine_is():
    with Beat() as beat:
        until = time.thread_time() + 2 * HELD
        while time.thread_time() < until:
            pass
    assert beat.longest < HELD
