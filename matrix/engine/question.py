"""One cell's question: putting it, the verdict that is drawn, and what it counts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matrix.capabilities.calls import repeated
from matrix.capabilities.verbs import Unmet, Unsupported
from matrix.engine.evidence import evidence_of
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
from matrix.symptom import Symptom

_BLAMED_FOR = {NoteKind.LAB_FAULT: Blame.MATRIX, NoteKind.SERVER_FAULT: Blame.SERVER}


@dataclass(frozen=True)
class Judged:
    """A verdict, its reason in one sentence, and whom it is blamed on, where that does not follow from the verdict.

    `rule` is the one of the specification that was broken, `symptom` what shows in other questions as well.
    """

    verdict: Verdict
    reason: str = ""
    blamed_on: Blame | None = None
    rule: Rule | None = None
    symptom: Symptom | None = None


class Question:
    """A cell's question, put once to what a trace records."""

    def __init__(self, cell: Cell, capability: Capability, setting: Setting, trace: Trace) -> None:
        self.trace = trace
        self._cell = cell
        self._capability = capability
        self._setting = setting
        self._verbs: Verbs | None = None

    async def put(self, verbs: Verbs) -> Judged:
        """Put it with these verbs. Never raises for what an agent does."""
        self._verbs = verbs
        try:
            await self._capability.check(verbs)
        except Unmet as unmet:
            again = self._repeated()
            return again or Judged(Verdict.FAILED, str(unmet), rule=unmet.rule, symptom=unmet.symptom)
        except Unsupported as absent:
            return Judged(Verdict.UNSUPPORTED, str(absent))
        except ServerFault as fault:
            return Judged(Verdict.ERRORED, str(fault), Blame.SERVER)
        except Exception as problem:  # noqa: BLE001  (what an agent raises is caught where it is asked)
            return Judged(Verdict.ERRORED, f"the check itself raised {told(problem)}")
        return self._repeated() or Judged(Verdict.PASSED)

    def settled(self, judged: Judged) -> Judged:
        """Return what a verdict counts for: a red one may be our fault, or declared; a green one is of its revision."""
        if judged.verdict is Verdict.PASSED:
            return self._as_labelled(judged)
        return self._fault() or self._declared(judged)

    def outcome(self, judged: Judged, duration: float) -> tuple[Outcome, Any]:
        """Return what the cell came to, and the evidence of it."""
        cell, trace, hide = self._cell, self.trace, self._setting.hide
        outcome = Outcome(
            cell,
            judged.verdict,
            one_sentence(hide(self._without_nonces(judged.reason))),
            judged.blamed_on,
            (judged.verdict,),
            round(duration, 3),
            rule=None if judged.rule is None else judged.rule.url,
            symptom=judged.symptom,
            advice=tuple(sorted(map(self._without_nonces, trace.advice()))),
            negotiated=negotiated(trace),
            reached=reached(trace),
        )
        return outcome, evidence_of(cell, self._capability, trace, hide)

    def what_was_pending(self) -> str:
        """Say what was waited for."""
        calls = [call for call in self.trace.calls() if call.ended is None]
        if calls:
            return f"the server {calls[-1].server} had not answered {calls[-1].tool}"
        if not self.trace.model:
            return "the agent had not asked its model for anything"
        last = self.trace.model[-1].reply
        if last is not None and last.text is not None and not last.calls:
            return "its model had given its answer, and the run did not end"
        return f"the agent had last asked its model for turn {len(self.trace.model)}"

    def _without_nonces(self, reason: str) -> str:
        """Return a reason that is the same in every cell: a nonce tells nothing to its reader."""
        return reason if self._verbs is None else self._verbs.without_nonces(reason)

    def _repeated(self) -> Judged | None:
        """Blame a call that was carried out more often than the model made it: no question is answered well by that."""
        again = None if self._capability.retries else repeated(self.trace)
        if again is None:
            return None
        return Judged(Verdict.FAILED, again.sentence, symptom=Symptom.REPEATED_FAILURES if again.failing else None)

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
