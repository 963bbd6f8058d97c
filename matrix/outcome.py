"""What cells came to, and the matrix of a run: all that reports read; frozen, without I/O."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from matrix.model import CONTROL, Cell, Severity, Verdict
from matrix.redaction import all_printable, printable
from matrix.shard import Shard
from matrix.symptom import Symptom

FIRST_RUN = "r1"
_BREAK = re.compile(r"\r?\n|\t")
GROUPS = (
    "discovery",
    "schema",
    "invoke",
    "concurrency",
    "transport",
    "lifecycle",
    "client",
    "agent",
    "auth",
    "security",
    "real",
)
"""The groups of capabilities in the catalogue's order."""


class Blame(StrEnum):
    """Whom an outcome that is not green is blamed on."""

    AGENT = "agent"
    SERVER = "server"
    MATRIX = "matrix"
    """This tool: a stub, the lab, a check, a worker."""
    CONTROL = "control"
    """Nobody in this row: the control is red in the same column, and its own outcome says why."""
    MACHINE = "machine"
    """This machine lacks what the cell needs."""


class Reached(StrEnum):
    """How far an agent got with its servers, from nothing to a result that its model was shown."""

    NOTHING = "nothing"
    LISTED = "listed"
    CALLED = "called"
    SHOWN = "shown"

    @property
    def rank(self) -> int:
        """Its place in that order."""
        return tuple(Reached).index(self)


_BLAMED = {
    Verdict.FAILED: Blame.AGENT,
    Verdict.TIMED_OUT: Blame.AGENT,
    Verdict.FLAKY: Blame.AGENT,
    Verdict.ERRORED: Blame.MATRIX,
    Verdict.SKIPPED: Blame.MACHINE,
}


@dataclass(frozen=True)
class Finding:
    """What a cell came to by itself, where it counts for something else: its control is red, or it rests on another."""

    verdict: Verdict
    reason: str
    blamed_on: Blame | None
    rule: str | None


@dataclass(frozen=True)
class Outcome:
    """What a cell came to: verdict, reason in one sentence, evidence, duration in seconds.

    `blamed_on` follows from the verdict where it is not given; a green or unsupported cell blames nobody. `attempts`
    are the verdicts of each attempt. `evidence` is a path relative to the results, `expected` the baseline's reason
    for this verdict. `command` are the words that put this one question again, `run` the run that it comes from.
    `rule` is the address of what was broken, `advice` what the specification recommends and the agent did not do.
    `negotiated` is the revision that was spoken, where one was; `reached` how far the agent got with its servers;
    `rests_on` the cell whose cause this one only repeats; `finding` what it came to by itself, where that is not what
    it counts for. `symptom` is what is wrong alike in other cells.

    Its texts are printable, whatever agents and servers have said: `reason` in one line.
    """

    cell: Cell
    verdict: Verdict
    reason: str = ""
    blamed_on: Blame | None = None
    attempts: tuple[Verdict, ...] = ()
    duration: float | None = None
    evidence: str | None = None
    expected: str | None = None
    command: tuple[str, ...] = ()
    run: str = FIRST_RUN
    rule: str | None = None
    advice: tuple[str, ...] = ()
    negotiated: str | None = None
    reached: Reached | None = None
    rests_on: str | None = None
    symptom: Symptom | None = None
    finding: Finding | None = None

    def __post_init__(self) -> None:
        if self.blamed_on is None:
            object.__setattr__(self, "blamed_on", _BLAMED.get(self.verdict))
        if not self.reason.isprintable():
            object.__setattr__(self, "reason", printable(_BREAK.sub(" ", self.reason)))
        for name in ("rule", "expected", "advice"):
            if text := getattr(self, name):
                object.__setattr__(self, name, all_printable(text))

    @classmethod
    def of_one_attempt(cls, cell: Cell, verdict: Verdict, reason: str = "") -> Outcome:
        """Return what a cell came to in one attempt, of which nothing else is known."""
        return cls(cell, verdict, reason, attempts=(verdict,))

    @property
    def reproduce(self) -> str:
        """The command that puts this one question again, to be pasted into a shell."""
        return printable(shlex.join(self.command or ("python", "-m", "matrix", "run", "--cell", self.cell.id)))

    @property
    def is_red(self) -> bool:
        """Whether something is wrong, whoever is to blame."""
        return self.verdict.is_agents_fault or self.verdict is Verdict.ERRORED

    @property
    def by_itself(self) -> Outcome:
        """The outcome as it was before any other cell's was known."""
        found = self.finding
        if found is None:
            return self
        own = replace(self, verdict=found.verdict, reason=found.reason, blamed_on=found.blamed_on, rule=found.rule)
        return replace(own, rests_on=None, expected=None, finding=None)

    def counting_for(self, verdict: Verdict, reason: str, blamed_on: Blame | None, **more: str | None) -> Outcome:
        """Return the outcome as what it counts for because of another one; it keeps what it came to by itself."""
        found = self.finding or Finding(self.verdict, self.reason, self.blamed_on, self.rule)
        return replace(self, verdict=verdict, reason=reason, blamed_on=blamed_on, finding=found, **more)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class CapabilityHeader:
    """A capability, as a run's header describes it."""

    severity: Severity
    title: str = ""
    needs: tuple[str, ...] = ()
    seconds: float | None = None
    """How long a cell of it took in the last whole run, on average."""


@dataclass(frozen=True)
class ConfigsHeader:
    """The config store whose servers were asked about: its URL without password, each server's config by a hash."""

    url: str
    servers: Mapping[str, str]


@dataclass(frozen=True)
class EarlierRun:
    """A run that some outcomes were kept from; `complete` says whether it came to its end."""

    created: str
    matrix: str
    python: str
    packages: Mapping[str, str]
    complete: bool = True


@dataclass(frozen=True)
class RunHeader:
    """Versions of everything that matters, and what was planned; the only place with a time.

    `pins` are the packages that rows with an environment of their own ask for, `unpinned` those among them that name
    no exact version, `servers` the packages of the real servers. `run` is the id of this run among those whose
    outcomes are in one folder, `earlier` describes the others; `resumed` are those among them that it went on with:
    what they had finished it did not ask again. `shard` says which part of a whole run it was, `planned` how many
    outcomes a complete run has, `live` whether agents had their real models, `repeat` how often each cell was asked.
    """

    created: str = ""
    matrix: str = ""
    python: str = ""
    platform: str = ""
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    unpinned: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    servers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    configs: ConfigsHeader | None = None
    agents: Mapping[str, str] = field(default_factory=dict[str, str])
    capabilities: Mapping[str, CapabilityHeader] = field(default_factory=dict[str, CapabilityHeader])
    planned: int = 0
    run: str = FIRST_RUN
    earlier: Mapping[str, EarlierRun] = field(default_factory=dict[str, EarlierRun])
    resumed: tuple[str, ...] = ()
    shard: Shard | None = None
    live: bool = False
    repeat: int = 1

    def __post_init__(self) -> None:
        for name in ("agents", "pins", "unpinned", "servers"):
            object.__setattr__(self, name, all_printable(getattr(self, name)))


@dataclass(frozen=True)
class Matrix:
    """The run header and all outcomes; the only thing that reports read."""

    header: RunHeader
    outcomes: tuple[Outcome, ...]
    complete: bool = True

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many outcomes there are of each verdict, in the order of the verdicts."""
        seen = Counter(outcome.verdict for outcome in self.outcomes)
        return {verdict: seen[verdict] for verdict in Verdict if seen[verdict]}

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents, sorted, the control first."""
        names = {outcome.cell.agent for outcome in self.outcomes}
        return tuple(sorted(names, key=lambda name: (name != CONTROL, name)))

    @property
    def groups(self) -> tuple[str, ...]:
        """The capability groups in the catalogue's order."""
        seen = {outcome.cell.group for outcome in self.outcomes}
        return tuple([group for group in GROUPS if group in seen] + sorted(seen - set(GROUPS)))

    @property
    def missing(self) -> int:
        """How many cells were planned and not asked, because the run did not come to its end."""
        return 0 if self.complete else max(0, self.header.planned - len(self.outcomes))

    def severity(self, capability: str) -> Severity:
        """Return a capability's severity; one that the header does not know counts as expected."""
        known = self.header.capabilities.get(capability)
        return Severity.EXPECTED if known is None else known.severity

    def of(self, cells: Iterable[str]) -> Matrix:
        """Return the same matrix with these cells (by id) only."""
        wanted = set(cells)
        return replace(self, outcomes=tuple(each for each in self.outcomes if each.cell.id in wanted))

    def in_order(self) -> Matrix:
        """Return the same matrix in the stable order: the control first, then by cell."""
        order = {name: number for number, name in enumerate(self.agents)}
        return replace(
            self, outcomes=tuple(sorted(self.outcomes, key=lambda each: (order[each.cell.agent], each.cell)))
        )
