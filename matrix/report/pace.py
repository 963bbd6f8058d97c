"""How fast a run goes, what is slow in it, and how long it has still to go; pure but for the clock it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from matrix.effort import Effort
from matrix.model import Cell

WORTH_TELLING = 10.0
"""So many seconds have to have gone before a rate says anything, or a cell is slow."""


@dataclass
class _Work:
    """Cells, and the seconds that they are expected to take, as far as that is known."""

    cells: int = 0
    unknown: int = 0
    known_seconds: float = 0.0

    def add(self, expected: float | None, sign: int = 1) -> None:
        """Add a cell, or take it away."""
        self.cells += sign
        if expected is None:
            self.unknown += sign
        else:
            self.known_seconds += sign * expected

    def seconds(self, usual: float) -> float:
        """Return how long all take; `usual` are the seconds of a cell of which nothing is known."""
        return self.known_seconds + self.unknown * usual


@dataclass
class Pace:
    """Takes in what happens. `expected` are the seconds of cells, by id, in a run before."""

    clock: Callable[[], float]
    expected: Mapping[str, float] = field(default_factory=dict[str, float])
    _began: float = 0.0
    _waiting: dict[Cell, None] = field(default_factory=dict[Cell, None])
    _running: dict[Cell, float] = field(default_factory=dict[Cell, float])
    """When each was started."""
    _taken: float = 0.0
    """How long those that have ended took, all together."""
    _done: _Work = field(default_factory=_Work)
    _to_do: _Work = field(default_factory=_Work)

    def begin(self, cells: Iterable[Cell]) -> None:
        """Begin to count: these cells are to be asked."""
        self._began = self.clock()
        self._waiting = dict.fromkeys(cells)
        for each in self._waiting:
            self._to_do.add(self.expected.get(each.id))

    def started(self, cell: Cell) -> None:
        """Take in that a cell is being asked; where it is asked once more, the first time counts."""
        self._running.setdefault(cell, self.clock())

    def ended(self, cell: Cell) -> None:
        """Take in that a cell has its outcome; another outcome of the same cell changes nothing."""
        now = self.clock()
        taken = now - self._running.pop(cell, now)
        if self._waiting.pop(cell, cell) is None:
            self._taken += taken
            self._done.add(self.expected.get(cell.id))
            self._to_do.add(self.expected.get(cell.id), -1)

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self.clock() - self._began

    @property
    def rate(self) -> float | None:
        """Cells a second; None as long as that says nothing."""
        if not self._done.cells or self.elapsed < WORTH_TELLING:
            return None
        return self._done.cells / self.elapsed

    @property
    def left(self) -> float | None:
        """Seconds to go, as what has ended took so long; None as long as that says nothing.

        It counts how much there is to do in the seconds of the run before, and goes on at this run's speed; it takes
        no less than the longest cell still does.
        """
        if self.rate is None:
            return None
        usual = sum(self.expected.values()) / len(self.expected) if self.expected else self._taken / self._done.cells
        done = self._done.seconds(usual)
        if not done:
            return None
        longest = max((self.expected.get(cell.id, usual) - seconds for cell, seconds in self.running()), default=0.0)
        return max(self.elapsed * self._to_do.seconds(usual) / done, longest)

    def running(self) -> tuple[tuple[Cell, float], ...]:
        """Return what is being asked, with its seconds so far, the longest first."""
        now = self.clock()
        return tuple((cell, now - since) for cell, since in self._running.items())


def clock_time(seconds: float) -> str:
    """Return minutes and seconds, `2:05`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def in_words(pace: Pace) -> tuple[str, ...]:
    """Return the rate and the time left, as far as anything is known."""
    rate, left = pace.rate, pace.left
    parts = [] if rate is None else [f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.0f} a minute"]
    return (*parts, *([] if left is None else [f"about {clock_time(left)} left"]))


def afterwards(effort: Effort) -> str:
    """Return what a run has taken, in one line."""
    by_the_longest = effort.ideal == effort.longest
    bound = "the longest cell alone" if by_the_longest else f"{effort.processors} processors that are never idle"
    return (
        f"Took {effort.wall:.1f} s and {effort.cpu:.1f} s of CPU; {bound} would take {effort.ideal:.1f} s: "
        f"efficiency {min(effort.efficiency, 1):.0%}"
    )


def slow(pace: Pace, limit: int) -> tuple[str, ...]:
    """Return what is being asked, the longest first, with its seconds where these are many."""
    return tuple(
        f"{cell.agent} {cell.capability}[{cell.transport}]{f' {seconds:.0f} s' if seconds >= WORTH_TELLING else ''}"
        for cell, seconds in pace.running()[:limit]
    )
