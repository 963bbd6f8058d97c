"""Time limits of a cell: they measure the agent, so each begins with something that a witness has seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from matrix.engine.stillness import Stillness
from matrix.engine.tasks import cancelled
from matrix.lab.trace import Trace
from matrix.model import Capability


async def overdue(work: asyncio.Future[Any], trace: Trace, capability: Capability) -> str | None:
    """Wait for the work; returns None when it has ended, or which limit has passed without that.

    First the agent has to show itself, within the time that it has to start up. From then on it may be silent for a
    while only; the deadline is the far end, for one that moves and never comes to an end. It begins anew with a call,
    where the question is how long the agent waits for its answer.
    """
    if not await _seen(work, trace, trace.has_begun, capability.start_up):
        return f"no sign of it within {capability.start_up:g} s"
    silence = asyncio.ensure_future(Stillness(trace).lasts(capability.silence))
    deadline = asyncio.ensure_future(_deadline(work, trace, capability))
    try:
        await asyncio.wait({silence, deadline}, return_when=asyncio.FIRST_COMPLETED)
        if deadline.done():
            return deadline.result()
        return None if work.done() else f"nothing has moved for {capability.silence:g} s"
    finally:
        await cancelled(silence)
        await cancelled(deadline)


async def _deadline(work: asyncio.Future[Any], trace: Trace, capability: Capability) -> str | None:
    seconds = capability.deadline
    if capability.bounds_a_call and not await _seen(work, trace, lambda: bool(trace.calls()), seconds):
        return f"no call within {seconds:g} s"
    done, _ = await asyncio.wait({work}, timeout=seconds)
    if done:
        return None
    return f"no end within {seconds:g} s{' of the call' if capability.bounds_a_call else ''}"


async def _seen(work: asyncio.Future[Any], trace: Trace, seen: Callable[[], bool], seconds: float) -> bool:
    """Wait until something was seen, or the work has ended; returns False where neither happens in time."""
    seeing = asyncio.ensure_future(trace.seen(seen, seconds))
    try:
        await asyncio.wait({work, seeing}, return_when=asyncio.FIRST_COMPLETED)
        return work.done() or seeing.result()
    finally:
        await cancelled(seeing)
