"""How a plan is run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from matrix.engine.process import GRACE_SECONDS
from matrix.lab.servers.pinned import PinnedServers
from matrix.sources import ServerSource


@dataclass(frozen=True)
class Options:
    """How a plan is run; `jobs` is the number of workers at once.

    `source` is where real servers come from. `grace` is how many seconds after a cell's deadline its worker may take
    to say so. `share` lets several questions be read from one run; what is asked repeatedly never is.
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 2)
    repeat: int = 1
    live: bool = False
    source: ServerSource = field(default_factory=PinnedServers)
    grace: float = GRACE_SECONDS
    share: bool = True
    keep_apart: bool = True
    """Whether agents are kept from signals to whatever they did not start, where the system can do that."""
