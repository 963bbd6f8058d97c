"""Tasks that run what is not ours: however it ends, what we do next goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from matrix.raised import told

T = TypeVar("T")
TEARDOWN_SECONDS = 10.0


async def ended(running: asyncio.Future[T]) -> tuple[T | None, str | None]:
    """Wait for a run; returns its result, or how it failed. A cancellation that is not ours is the agent's own."""
    try:
        await asyncio.wait({running})
    except asyncio.CancelledError:
        await cancelled(running)
        raise
    if running.cancelled():
        return None, "CancelledError: the run was cancelled from within"
    problem = running.exception()
    if problem is None:
        return running.result(), None
    return None, told(problem)


async def torn_down(work: Coroutine[Any, Any, None]) -> None:
    """Give what tears down its time, in a task of its own; however it ends, the verdict stands."""
    ending = asyncio.gather(work, return_exceptions=True)
    await asyncio.wait({ending}, timeout=TEARDOWN_SECONDS)
    await cancelled(ending)


async def cancelled(task: asyncio.Future[Any]) -> None:
    """Cancel a task and give it a while to end; one that will not is left behind."""
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task}, timeout=TEARDOWN_SECONDS)
