"""What becomes of the servers that an agent brings itself; also for the harness, which any Python since 3.9 runs."""

from __future__ import annotations

from enum import Enum


class OwnServers(str, Enum):  # noqa: UP042  (Python 3.9 has no StrEnum)
    """What becomes, in a cell, of the MCP servers that an agent brings itself."""

    REPLACE = "replace"
    """The cell's servers take their places, inside of what the agent puts around them (prefix, filter, approval)."""
    DROP = "drop"
    """They are left out; the cell's servers are attached as to any agent."""
    KEEP = "keep"
    """They stay, and have to be there."""
