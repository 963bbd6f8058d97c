"""How a harness is started: the process that imports an agent once and takes many tasks (docs/harness.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from matrix.environment_spec import EnvironmentSpec


class HarnessKind(StrEnum):
    """Whose harness it is: ours for Python or Node, or one that the row brings."""

    PYTHON = "python"
    NODE = "node"
    OWN = "own"


@dataclass(frozen=True)
class Harness:
    """The process that imports an agent once and takes many tasks: `argv` is its interpreter, or all of its command."""

    kind: HarnessKind
    argv: tuple[str, ...]
    environment: EnvironmentSpec | None = None
