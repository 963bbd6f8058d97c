"""Objects that can be closed: what an owner's agent holds between its runs goes with its `aclose()` or `close()`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any


async def closed(target: object) -> None:
    """Call `aclose()`, or else `close()`, async or not; what has neither is left as it is."""
    closing: Any = getattr(target, "aclose", None) or getattr(target, "close", None)
    if inspect.isclass(target) or not callable(closing):
        return
    returned = closing()
    if inspect.isawaitable(returned):
        await returned


def can_be_closed(target: object) -> bool:
    """Whether the object has a method that closes it."""
    return callable(getattr(target, "aclose", None)) or callable(getattr(target, "close", None))


class Shared:
    """An object that several cells call: it is closed while none of them runs it, and they wait until it is."""

    def __init__(self) -> None:
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = asyncio.Event()
        self._open.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run it, together with others."""
        await self._open.wait()
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def close(self, target: object) -> None:
        """Close it between runs."""
        self._open.clear()
        try:
            await self._idle.wait()
            await closed(target)
        finally:
            self._open.set()
