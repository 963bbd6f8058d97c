"""What a run's parent and its workers say to each other; plain data, pickled over a pipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    """The run's temporary folder, which the parent removes."""


@dataclass(frozen=True)
class Ask:
    """Put this cell's question; `number` is unique within the worker, the limits are in seconds and the plan's own.

    `group_size` is how many agents are asked at the same time, where they are to meet.
    """

    cell: Cell
    number: int
    deadline: float
    start_up: float
    group_size: int = 1


@dataclass(frozen=True)
class Ready:
    """The agent is loaded, and the lab is open."""


@dataclass(frozen=True)
class NotAsked:
    """The agent is loaded, and turns out not to be one that this run can ask."""

    reason: str


@dataclass(frozen=True)
class CannotLoad:
    """The registration is broken."""

    cause: str
    mend: str


@dataclass(frozen=True)
class Done:
    """A cell has ended."""

    outcome: Outcome
    evidence: Any = field(repr=False, default=None)
    process_lost: bool = False
    """Whether the process that the agent lives in was lost meanwhile, so that the cell came to nothing good."""
    alone: bool = False
    """Whether no other cell was in flight meanwhile."""


@dataclass(frozen=True)
class WorkerFault:
    """The worker itself failed; our fault."""

    reason: str


Report = Ready | NotAsked | CannotLoad | Done | WorkerFault
"""What a worker says."""
