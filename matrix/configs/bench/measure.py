"""What was measured, and what is said of it: percentiles, throughput, ratios; pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, cast

from matrix.errors import ConfigurationError
from matrix.json_access import mapping, sequence

Side = Literal["old", "new"]
SIDES: tuple[Side, ...] = ("old", "new")
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Spread:
    """A value that was found several times: the middle one, and how far the others are from it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize values, of which there must be one at least."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Timing:
    """How long an operation took on both schemas: seconds of each time, by round.

    Round for round both sides did the same work, one right after the other.
    """

    operation: str
    each: int
    """Configs that one operation handles at once, where throughput counts those; else 1."""
    old: Sequence[Sequence[float]]
    new: Sequence[Sequence[float]]

    def rounds(self, side: Side) -> Sequence[Sequence[float]]:
        """Return one side's rounds."""
        return self.old if side == "old" else self.new

    def per_second(self, side: Side) -> Spread:
        """Return the throughput of the rounds."""
        return Spread.of([self._rate(times) for times in self.rounds(side)])

    def ratio(self) -> Spread:
        """Return new throughput through old, of the rounds: above 1 the new schema is faster."""
        pairs = zip(self.old, self.new, strict=True)
        return Spread.of([self._rate(new) / self._rate(old) for old, new in pairs])

    def milliseconds(self, side: Side, percent: float) -> float:
        """Return a percentile of the latency, of all rounds together."""
        return 1000 * percentile([time for times in self.rounds(side) for time in times], percent)

    def _rate(self, times: Sequence[float]) -> float:
        return self.each * len(times) / sum(times)


@dataclass(frozen=True)
class Move:
    """A migration or a rollback: seconds of each time, and the peak memory of the process that did it, in bytes."""

    kind: Literal["migrate", "rollback"]
    seconds: Sequence[float]
    memory: int

    def seconds_per_thousand(self, servers: int) -> Spread:
        """Return the time for a thousand servers."""
        return Spread.of([1000 * each / servers for each in self.seconds])


@dataclass(frozen=True)
class Measurement:
    """Everything that was measured on one database at one scale. Memory is in bytes, above that of an idle process."""

    database: str
    version: str
    servers: int
    agents: int
    assignments: int
    timings: Sequence[Timing]
    moves: Sequence[Move]
    memory: Mapping[Side, int]
    size: Mapping[Side, int]
    """Bytes that the tables and their indexes take."""


@dataclass(frozen=True)
class Results:
    """A whole run: on what it was made, and all that was measured. `machine` is a list of names and values."""

    machine: Mapping[str, str]
    measurements: Sequence[Measurement]

    def write(self, path: Path) -> None:
        """Keep the run as JSON; times are kept to the microsecond."""
        text = json.dumps(_rounded(asdict(self)), indent=1, ensure_ascii=False)
        path.write_text(_one_line_per_round(text) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a run. Raises ConfigurationError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(data["machine"], [_measurement(each) for each in data["measurements"]])
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(path, None, "holds no benchmark's results; run the benchmark again") from None


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of the values do not exceed; between two values, in proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))


def _measurement(data: dict[str, Any]) -> Measurement:
    timings = [Timing(**each) for each in data.pop("timings")]
    moves = [Move(**each) for each in data.pop("moves")]
    return Measurement(**data, timings=timings, moves=moves)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in mapping(cast("object", value)).items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in sequence(cast("object", value))]
    return value


def _one_line_per_round(text: str) -> str:
    """Join lists of numbers, of which JSON's indentation would make a line each."""
    return re.sub(
        r"\[[\d.,\se-]+\]", lambda found: "[" + ", ".join(found[0][1:-1].replace(",", " ").split()) + "]", text
    )
