"""Executing a cell, or several that share a run: set up, put the questions, draw the verdicts, keep the evidence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from matrix.engine.limits import overdue
from matrix.engine.question import Judged, Question
from matrix.engine.shared_script import SharedScript
from matrix.engine.tasks import cancelled, ended, torn_down
from matrix.engine.verbs import Setting, Verbs
from matrix.errors import ServerFault
from matrix.lab.records import NoteKind
from matrix.lab.trace import Trace
from matrix.model import Capability, Cell, Verdict
from matrix.outcome import Blame, Outcome
from matrix.raised import told

LEFTOVER_SECONDS = 1.0
"""How long what a command has left behind may take to end before the evidence notes it."""

Asked = tuple[Cell, Capability]


async def execute(asked: Sequence[Asked], setting: Setting, number: int) -> list[tuple[Outcome, Any]]:
    """Put the questions of cells once, in one run where they are several; returns outcomes with their evidence.

    Never raises for what an agent does. The time of a run that is shared counts for each of its cells in part.
    """
    execution = Execution(asked, setting, f"c{number}")
    began = time.monotonic()
    judged = await execution.judge()
    took = (time.monotonic() - began) / len(asked)
    done = [question.outcome(each, took) for question, each in zip(execution.questions, judged, strict=True)]
    if len(asked) > 1:
        for cell, (_, evidence) in zip(asked, done, strict=True):
            evidence["shared_with"] = [other.id for other, _ in asked if other != cell[0]]
    return done


class Execution:
    """The questions of one or more cells of the same servers, put once, and the judgement on what came of them."""

    def __init__(self, asked: Sequence[Asked], setting: Setting, key: str) -> None:
        self.trace = Trace()
        traces = [self.trace] if len(asked) == 1 else [self.trace.sharing() for _ in asked]
        self.questions = [Question(*one, setting, trace) for one, trace in zip(asked, traces, strict=True)]
        self._cell = asked[0][0]
        self._capability = max((capability for _, capability in asked), key=lambda each: each.longest)
        self._setting = setting
        self._key = key
        self._verbs: Verbs | None = None

    async def judge(self) -> list[Judged]:
        """Return the verdicts.

        Teardown comes after them, and changes a red one only where it shows that the fault was ours or the server's.
        """
        work = asyncio.ensure_future(self._put_questions())
        try:
            with self._setting.watched(self.trace, self._capability.silence):
                limit = await overdue(work, self.trace, self._capability)
            if limit is None:
                judged, error = await ended(work)
                judged = judged or self._all(Judged(Verdict.ERRORED, f"the check itself ended with {error}"))
            else:
                pending = self.questions[0].what_was_pending()
                judged = self._all(Judged(Verdict.TIMED_OUT, f"{limit}: {pending}"))
        finally:
            await self._tear_down(work)
        return [question.settled(each) for question, each in zip(self.questions, judged, strict=True)]

    async def _put_questions(self) -> list[Judged]:
        try:
            verbs = self._verbs = await self._open()
        except ServerFault as fault:
            return self._all(Judged(Verdict.ERRORED, str(fault), Blame.SERVER))
        except Exception as problem:  # noqa: BLE001  (nothing of the agent's has run yet)
            return self._all(Judged(Verdict.ERRORED, f"attaching the servers raised {told(problem)}"))
        if len(self.questions) == 1:
            return [await self.questions[0].put(verbs)]
        shared = SharedScript(verbs)
        seats = [(question, shared.seat(question.trace)) for question in self.questions]
        return list(await asyncio.gather(*(self._seated(question, seat) for question, seat in seats)))

    async def _seated(self, question: Question, seat: Verbs) -> Judged:
        try:
            return await question.put(seat)
        finally:
            seat.leave()

    async def _open(self) -> Verbs:
        setting, cell = self._setting, self._cell
        root = setting.lab.folder / f"root-{self._key}"
        root.mkdir()
        servers = await asyncio.to_thread(setting.servers, cell, self._capability, root)
        opening = setting.lab.open(self._key, self.trace, servers, cell.transport, cell.revision)
        return Verbs(cell, setting, self.trace, self._key, root, await setting.lab.call(opening))

    async def _tear_down(self, work: asyncio.Future[Any]) -> None:
        await cancelled(work)
        if self._verbs is not None:
            with suppress(Exception):
                for name in await self._verbs.leftovers(LEFTOVER_SECONDS):
                    self.trace.note(NoteKind.LEFTOVER, f"left running after the run: {name}")
            await self._verbs.close()
        await torn_down(self._setting.lab.call(self._setting.lab.close(self._key)))

    def _all(self, judged: Judged) -> list[Judged]:
        return [judged] * len(self.questions)
