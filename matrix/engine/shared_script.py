"""One run for several questions: what each of them would have its model do is put into one script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from matrix.capabilities.verbs import Run
from matrix.engine.verbs import Verbs
from matrix.lab.script import Turn
from matrix.lab.trace import Trace


class SharedScript:
    """Waits until every question has said what it asks for, and has the agent run once on all of it."""

    def __init__(self, verbs: Verbs) -> None:
        self._verbs = verbs
        self._seats = 0
        self._scripts: list[Sequence[Turn]] = []
        self._complete = asyncio.Event()
        self._running: asyncio.Future[Run] | None = None

    def seat(self, trace: Trace) -> Verbs:
        """Return the verbs of one more question: it sees the same run, and its notes are its own."""
        self._seats += 1
        return self._verbs.sharing(trace, self)

    async def ask(self, turns: Sequence[Turn]) -> Run:
        """Run the agent on the turns of all questions, these among them. Raises Unmet and Unsupported."""
        self._scripts.append(turns)
        self.leave()
        await self._complete.wait()
        if self._running is None:
            self._running = asyncio.ensure_future(self._verbs.ask(*merged(self._scripts)))
        return await asyncio.shield(self._running)

    def leave(self) -> None:
        """Wait no longer for a question: it has asked, or has ended before it did."""
        self._seats -= 1
        if not self._seats:
            self._complete.set()


def merged(scripts: Sequence[Sequence[Turn]]) -> list[Turn]:
    """Return the turns of several scripts, each once: those with calls in their order, and then one of the texts."""
    turns: list[Turn] = []
    for turn in (turn for script in scripts for turn in script):
        if turn not in turns:
            turns.append(turn)
    texts = [turn for turn in turns if turn.text is not None]
    return [*(turn for turn in turns if turn.text is None), *texts[:1]]
