"""What a registry of saboteurs says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matrix.adapters.control import OWN_ANSWER, OWN_TOOL
from matrix.model import Agent, Capability, Cell, Probe
from tests.saboteurs.honest import Honest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Saboteur:
    """A broken agent, and what may be seen of its vice.

    `because` is what the reason of a red cell has to say. `related` are capabilities that may turn red too.
    `revisions` and `transports` narrow where the vice shows, all by default. `deadline` (seconds) replaces the
    capability's, where the vice is to hang. `transport` is the one on which everything else is asked. `rows` is how
    many of it are registered: it takes two to mix up two agents.
    """

    vice: type[Honest]
    because: str
    related: frozenset[str] = frozenset()
    revisions: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    deadline: float | None = None
    transport: str = "http"
    rows: int = 1

    @property
    def target(self) -> str:
        """The import string of the agent."""
        return f"{self.vice.__module__}:{self.vice.__qualname__}.answer"

    def agents(self, folder: Path) -> tuple[Agent, ...]:
        """Return its rows; `folder` is where the import string holds."""
        return tuple(registered(self.target, f"saboteur-{number + 1}", folder) for number in range(self.rows))

    def shows_in(self, cell: Cell) -> bool:
        """Whether the vice has to show in this cell of its capability."""
        spoken = not self.revisions or cell.revision in self.revisions
        return spoken and (not self.transports or cell.transport in self.transports)

    def shortened(self, capability: Capability) -> float:
        """Return the deadline of its capability."""
        return capability.deadline if self.deadline is None else self.deadline


def registered(target: str, name: str, folder: Path) -> Agent:
    """Return a row for an agent like the honest one."""
    native = Probe(str(OWN_TOOL["name"]), {}, OWN_ANSWER)
    return Agent(name, "a test", target=target, folder=str(folder), native=native)
