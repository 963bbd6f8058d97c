"""What a run's parent and its workers say to each other: plain data, as JSON on their channel.

The job alone is pickled: it goes from the parent to the worker, and nothing that comes back ever is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import from_json

from matrix.model import Agent, Cell
from matrix.outcome import Outcome
from matrix.sources import WorkerServers

NOT_LIVE = "--live asks agents whose provider class runs in this process; this row takes its model from the task"


@dataclass(frozen=True)
class Job:
    """What a worker is started for: one agent, and where the things are that its cells need."""

    agent: Agent
    servers: WorkerServers
    """The real servers that the agent is asked about."""
    live: bool = False
    shared: str | None = None
    """The URL of the server that all agents use at the same time."""
    scratch: Path | None = None
    """The run's temporary folder, which the parent removes; each worker has one of its own in it."""
    apart: bool = False
    """Whether its process may send no signal to any that is not below it."""


@dataclass(frozen=True)
class Ask:
    """Put the question of a cell, or those of several that share a run; `number` is unique within the worker.

    The limits are in seconds, and the plan's own; of several the longest. `group_size` is how many agents are asked at
    the same time, where they are to meet.
    """

    cells: tuple[Cell, ...]
    number: int
    deadline: float
    start_up: float
    silence: float
    group_size: int = 1


@dataclass(frozen=True)
class Ready:
    """The agent is loaded, and the lab is open."""

    kind: Literal["ready"] = "ready"


@dataclass(frozen=True)
class NotAsked:
    """The agent is loaded, and turns out not to be one that this run can ask."""

    reason: str
    kind: Literal["not-asked"] = "not-asked"


@dataclass(frozen=True)
class CannotLoad:
    """The registration is broken."""

    cause: str
    mend: str
    kind: Literal["cannot-load"] = "cannot-load"


@dataclass(frozen=True)
class Done:
    """A cell has ended."""

    outcome: Outcome
    evidence: Any = field(repr=False, default=None)
    process_lost: bool = False
    """Whether the process that the agent lives in was lost meanwhile, so that the cell came to nothing good."""
    alone: bool = False
    """Whether no other cell was in flight meanwhile."""
    kind: Literal["done"] = "done"


@dataclass(frozen=True)
class LastWords:
    """The agent ends the worker's process, or makes it useless: what it did, as a predicate of the agent."""

    did: str
    timed_out: bool = False
    """Whether nothing more was waited for than the end of what it did."""
    kind: Literal["last-words"] = "last-words"


@dataclass(frozen=True)
class Holding:
    """The agent holds its event loop at the moment, `where` it does; empty: no longer."""

    where: str
    kind: Literal["holding"] = "holding"


@dataclass(frozen=True)
class WorkerFault:
    """The worker itself failed; our fault."""

    reason: str
    kind: Literal["worker-fault"] = "worker-fault"


Report = Ready | NotAsked | CannotLoad | Done | WorkerFault
"""What a worker says of itself and its cells."""

Condition = Holding | LastWords
"""What a worker says of the process that it is."""

_REPORTS = TypeAdapter[Report | Condition](Annotated[Report | Condition, Field(discriminator="kind")])
_QUESTIONS = TypeAdapter(Ask)


def encoded(message: Report | Condition) -> bytes:
    """Return what a worker says as JSON. Raises ValueError for what JSON, or its reader, does not take."""
    body = _REPORTS.dump_json(message, fallback=repr)
    from_json(body)  # what lies too deep can be written, and not be read
    return body


def asked(question: Ask) -> bytes:
    """Return what a parent asks as JSON."""
    return _QUESTIONS.dump_json(question)


def question(body: bytes) -> Ask:
    """Read what a parent asks."""
    return _QUESTIONS.validate_json(body)


def report(body: bytes) -> Report | Condition:
    """Read what a worker says. Raises ValueError for what none would say."""
    return _REPORTS.validate_json(body)
