"""The table of hostile agents: what each one's cell comes to, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matrix.model import Agent, Verdict
from tests.hostile import vices
from tests.saboteurs.running import REPOSITORY
from tests.saboteurs.saboteur import registered

FAILED, TIMED_OUT, PASSED = Verdict.FAILED, Verdict.TIMED_OUT, Verdict.PASSED


@dataclass(frozen=True)
class Hostile:
    """A vice, what the cell in which it strikes comes to, and what its reason has to say.

    `whole` says that nothing else is believed of the row either. `sampled` are those that CI meets.
    """

    vice: str
    verdict: Verdict
    because: str = ""
    whole: bool = False
    sampled: bool = False

    @property
    def agent(self) -> Agent:
        """Its row."""
        return registered(f"{vices.__name__}:{self.vice}.answer", self.vice.replace("_", "-"), REPOSITORY)


INTRUDED = "the agent wrote to the channel of its worker"
CLOSED = "the agent closed the channel of its worker"

TABLE: Mapping[str, tuple[Hostile, ...]] = {
    "channel": (
        Hostile("writes_a_pickle", FAILED, INTRUDED, whole=True, sampled=True),
        Hostile("writes_junk", FAILED, INTRUDED, whole=True),
        Hostile("writes_half_a_header", FAILED, INTRUDED, whole=True),
        Hostile("floods_the_channel", FAILED, INTRUDED, whole=True),
        Hostile("closes_the_channel", FAILED, CLOSED, sampled=True),
        Hostile("closes_every_descriptor", FAILED, CLOSED),
    ),
}
