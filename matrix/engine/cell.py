"""Executing one cell: set up, put the question, draw the verdict, keep the evidence."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from matrix.capabilities.calls import repeated
from matrix.capabilities.verbs import Unmet, Unsupported
from matrix.engine.evidence import evidence_of
from matrix.engine.limits import overdue
from matrix.engine.tasks import cancelled, ended, torn_down
from matrix.engine.verbs import Setting, Verbs
from matrix.errors import ServerFault
from matrix.lab.connection import negotiated, reached
from matrix.lab.records import NoteKind
from matrix.lab.trace import Trace
from matrix.model import ANY_REVISION, Capability, Cell, Verdict
from matrix.outcome import Blame, Outcome
from matrix.raised import told
from matrix.redaction import one_sentence
from matrix.rule import Rule

LEFTOVER_SECONDS = 1.0
"""How long what a command has left behind may take to end before the evidence notes it."""


_BLAMED_FOR = {NoteKind.LAB_FAULT: Blame.MATRIX, NoteKind.SERVER_FAULT: Blame.SERVER}


@dataclass(frozen=True)
class Judged:
    """A verdict, its reason in one sentence, and whom it is blamed on, where that does not follow from the verdict.

    `rule` is the one of the specification that was broken.
    """

    verdict: Verdict
    reason: str = ""
    blamed_on: Blame | None = None
    rule: Rule | None = None


async def execute(cell: Cell, capability: Capability, setting: Setting, number: int) -> tuple[Outcome, Any]:
    """Put one cell's question once; returns the outcome and its evidence. Never raises for what an agent does."""
    execution = Execution(cell, capability, setting, f"c{number}")
    began = time.monotonic()
    judged = await execution.judge()
    trace = execution.trace
    outcome = Outcome(
        cell,
        judged.verdict,
        one_sentence(setting.hide(execution.without_nonces(judged.reason))),
        judged.blamed_on,
        (judged.verdict,),
        round(time.monotonic() - began, 3),
        rule=None if judged.rule is None else judged.rule.url,
        advice=tuple(sorted(map(execution.without_nonces, trace.advice()))),
        negotiated=negotiated(trace),
        reached=reached(trace),
    )
    return outcome, evidence_of(cell, capability, trace, setting.hide)


class Execution:
    """One cell's question, put once, and the judgement on what came of it."""

    def __init__(self, cell: Cell, capability: Capability, setting: Setting, key: str) -> None:
        self.trace = Trace()
        self._cell = cell
        self._capability = capability
        self._setting = setting
        self._key = key
        self._verbs: Verbs | None = None

    async def judge(self) -> Judged:
        """Return the verdict.

        Teardown comes after it, and changes a red one only where it shows that the fault was ours or the server's.
        """
        work = asyncio.ensure_future(self._put_question())
        try:
            limit = await overdue(work, self.trace, self._capability)
            if limit is None:
                judged, error = await ended(work)
                judged = judged or Judged(Verdict.ERRORED, f"the check itself ended with {error}")
            else:
                judged = Judged(Verdict.TIMED_OUT, f"{limit}: {self._what_was_pending()}")
        finally:
            await self._tear_down(work)
        if judged.verdict is Verdict.PASSED:
            return self._as_labelled(judged)
        return self._fault() or self._declared(judged)

    def without_nonces(self, reason: str) -> str:
        """Return a reason that is the same in every cell: a nonce tells nothing to its reader."""
        return reason if self._verbs is None else self._verbs.without_nonces(reason)

    async def _put_question(self) -> Judged:
        try:
            verbs = self._verbs = await self._open()
            await self._capability.check(verbs)
        except Unmet as unmet:
            again = self._repeated()
            return Judged(Verdict.FAILED, again or str(unmet), rule=None if again else unmet.rule)
        except Unsupported as absent:
            return Judged(Verdict.UNSUPPORTED, str(absent))
        except ServerFault as fault:
            return Judged(Verdict.ERRORED, str(fault), Blame.SERVER)
        except Exception as problem:  # noqa: BLE001  (what an agent raises is caught where it is asked)
            return Judged(Verdict.ERRORED, f"the check itself raised {told(problem)}")
        if again := self._repeated():
            return Judged(Verdict.FAILED, again)
        return Judged(Verdict.PASSED)

    def _repeated(self) -> str | None:
        """Say which call was carried out more often than the model made it: no question is answered well by that."""
        return None if self._capability.retries else repeated(self.trace)

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

    def _fault(self) -> Judged | None:
        """Return what makes a red cell our fault, or the server's, and no agent's."""
        note = next(iter(self.trace.faults()), None)
        return None if note is None else Judged(Verdict.ERRORED, note.text, _BLAMED_FOR[note.kind])

    def _declared(self, judged: Judged) -> Judged:
        """Return a failure as what its row says it is, where that declares the capability absent."""
        if judged.verdict is not Verdict.FAILED or self._capability.id not in self._setting.agent.unsupported:
            return judged
        return Judged(Verdict.UNSUPPORTED, f"declared unsupported, and so it is: {judged.reason}")

    def _as_labelled(self, judged: Judged) -> Judged:
        """Return a pass as one of the revision that the cell bears, or say which other one was spoken."""
        asked, spoken = self._cell.revision, negotiated(self.trace)
        if spoken in {None, asked} or asked == ANY_REVISION:
            return judged
        return Judged(Verdict.UNSUPPORTED, f"speaks {spoken}, not {asked}")

    def _what_was_pending(self) -> str:
        calls = [call for call in self.trace.calls() if call.ended is None]
        if calls:
            return f"the server {calls[-1].server} had not answered {calls[-1].tool}"
        if not self.trace.model:
            return "the agent had not asked its model for anything"
        return f"the agent had last asked its model for turn {len(self.trace.model)}"
