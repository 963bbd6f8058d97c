"""The room that the servers of one cell share, and how a server in it dies."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, NoReturn

import anyio


class Died(BaseException):
    """The server has died in the middle of a call, and answers nobody any more.

    Not an `Exception`, which the SDK would answer with a JSON-RPC error; not `SystemExit` either, which
    asyncio lets out of the whole event loop, so that everything else of a lab would die too. Over streams
    it leaves `Server.run` in a `BaseExceptionGroup`; an HTTP host cannot count on seeing it. Whoever hosts
    the stub therefore looks at `room.facts["died"]`, or waits for `room.event("died")`, and then cuts the
    connections without a word.
    """


class Room:
    """What the servers of one cell share: places to meet, events, and facts.

    Two stubs, or two sessions of one, that were given the same room meet at the same table.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._events: dict[str, anyio.Event] = {}
        self.facts: dict[str, Any] = {}
        self.gone: set[str] = set()
        self._news = anyio.Event()

    def excuse(self, caller: str) -> None:
        """Let nobody wait any longer for a caller that will not come, or not again."""
        self.gone.add(caller)
        self.announce()

    def announce(self) -> None:
        """Wake everybody who waits for news: somebody has come, or will not."""
        self._news.set()
        self._news = anyio.Event()

    async def news(self) -> None:
        """Return at the next announcement."""
        await self._news.wait()

    async def meet(self, table: str, party: int) -> None:
        """Return once `party` callers are at the table; the next party starts afresh."""
        seat = self._tables.setdefault(table, _Table())
        seat.waiting += 1
        full = seat.full
        if seat.waiting >= party:
            self._tables[table] = _Table()
            full.set()
            return
        try:
            await full.wait()
        except BaseException:
            seat.waiting -= 1
            raise

    def event(self, name: str) -> anyio.Event:
        """Return the event of this name, the same one for everybody in the room."""
        return self._events.setdefault(name, anyio.Event())

    def die(self) -> NoReturn:
        """End the server at once: the process when the stub runs alone in it, else by raising `Died`."""
        if self.facts.get("alone"):
            os._exit(1)
        self.facts["died"] = True
        self.event("died").set()
        raise Died


@dataclass
class _Table:
    waiting: int = 0
    full: anyio.Event = field(default_factory=anyio.Event)
