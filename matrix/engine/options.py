"""How a plan is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psutil

from matrix.engine.process import GRACE_SECONDS
from matrix.lab.servers.pinned import PinnedServers
from matrix.sources import ServerSource

MOST_WORKERS = 16
_MEMORY_OF_A_WORKER = 300_000_000
"""Bytes; one that was just forked takes a third of it."""


def _workers() -> int:
    """Return how many workers there is memory for: how much they do at once is a matter of places (places.py)."""
    room = psutil.virtual_memory().available // _MEMORY_OF_A_WORKER
    return max(os.cpu_count() or 2, min(MOST_WORKERS, room))


@dataclass(frozen=True)
class Options:
    """How a plan is run; `jobs` is the number of workers at once, `expected` the seconds of cells, where known.

    `source` is where real servers come from. `grace` is how many seconds after a cell's deadline its worker may take
    to say so. `share` lets several questions be read from one run; what is asked repeatedly never is.
    """

    jobs: int = field(default_factory=_workers)
    repeat: int = 1
    live: bool = False
    source: ServerSource = field(default_factory=PinnedServers)
    grace: float = GRACE_SECONDS
    share: bool = True
    expected: Mapping[str, float] = field(default_factory=dict[str, float])
    keep_workers: bool = False
    """Whether workers stay for what is asked later (`LocalEngine.ask`)."""
    keep_apart: bool = True
    """Whether agents are kept from signals to whatever they did not start, where the system can do that."""
    each_turn: Callable[[], object] = bool
    """Called at least twice a second while anything is asked; what it raises ends the run."""
