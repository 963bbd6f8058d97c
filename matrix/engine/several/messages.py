"""What a run and the machines that ask for it say to each other: plain data, as JSON; nothing of ours is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from matrix.effort import Effort
from matrix.engine.messages import Done
from matrix.engine.several.facts import Facts
from matrix.model import Cell
from matrix.plan import Filters
from matrix.registry.isolation import Isolation


@dataclass(frozen=True)
class Order:
    """What a machine is to plan, as its own, and how it is to ask: the words of the run's command line, read.

    `seconds` and `expected` are what is known of how long cells take: by capability, for shards, and by cell.
    """

    filters: Filters = field(default_factory=Filters)
    shard: tuple[int, int] = (1, 1)
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    python: str | None = None
    strict_pins: bool = False
    isolation: Isolation | None = None
    jobs: int | None = None
    repeat: int = 1
    share: bool = True
    expected: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Note:
    """Something that the machine is waiting for."""

    text: str
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Refused:
    """The machine cannot do what was ordered: the sentence that it would have said on a command line of its own."""

    reason: str
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True)
class Ready:
    """The machine has planned. `lacking` are the cells, by id, that it would skip."""

    facts: Facts
    lacking: tuple[str, ...] = ()
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True)
class Begun:
    """A cell is being asked."""

    cell: Cell
    kind: Literal["begun"] = "begun"


@dataclass(frozen=True)
class Idle:
    """All cells of a batch have their outcomes; `effort` is that of the machine so far."""

    effort: Effort | None = None
    kind: Literal["idle"] = "idle"


@dataclass(frozen=True)
class Broken:
    """The machine cannot go on; our fault."""

    reason: str
    kind: Literal["broken"] = "broken"


Said = Note | Refused | Ready | Begun | Done | Idle | Broken
"""What a machine says; of a cell that has ended it says what a worker does."""

_SAID = TypeAdapter[Said](Annotated[Said, Field(discriminator="kind")])
_ORDERS = TypeAdapter(Order)


def encoded(said: Said) -> bytes:
    """Return what a machine says as JSON."""
    return _SAID.dump_json(said)


def read(body: bytes) -> Said:
    """Read what a machine says. Raises ValueError for what none would say."""
    return _SAID.validate_json(body)


def ordered(order: Order) -> bytes:
    """Return an order as JSON."""
    return _ORDERS.dump_json(order)


def read_order(body: bytes) -> Order:
    """Read an order."""
    return _ORDERS.validate_json(body)
