"""What a part has measured, as it is kept in docs/performance.json and shown in docs/performance.md."""

from __future__ import annotations

import datetime
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.timing import ROOT
from matrix.engine.places import processors

JSON, PAGE = ROOT / "docs" / "performance.json", ROOT / "docs" / "performance.md"
_PACKAGES = ("mcp", "pydantic-ai-slim", "openai", "pytest", "pytest-xdist")


class Extent(StrEnum):
    """How much of a part is measured."""

    SMALLEST = "smallest"
    """Only so much as shows that it works: its figures say nothing."""
    USUAL = "usual"
    WHOLE = "whole"
    """Also what takes an hour."""


@dataclass(frozen=True)
class Goal:
    """A figure that something was promised of: at least that, or (`at_most`) at most."""

    what: str
    value: float
    wanted: float
    unit: str = "×"
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it keeps the promise."""
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    def row(self) -> list[str]:
        """Return its row in the table of all of them."""
        bound = "≤" if self.at_most else "≥"
        wanted = f"{bound} {self.wanted:g} {self.unit}".rstrip()
        return [self.what, wanted, f"{self.value:.2f} {self.unit}".rstrip(), "yes" if self.is_met else "**no**"]


@dataclass(frozen=True)
class Measured:
    """A table, the figures in it that something was promised of, and what else was found."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()
    note: str = ""

    def markdown(self) -> str:
        """Return the table and the note."""
        table = tabulate(self.rows, self.headers, tablefmt="github", disable_numparse=True)
        return f"{table}\n\n{self.note}".rstrip()


def recorded(part: str, command: str, seconds: float, measured: Measured) -> dict[str, Any]:
    """Return what is kept of a part: with the command, the day, the state of the sources and the machine."""
    return {
        "part": part,
        "command": command,
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "seconds": round(seconds),
        "machine": f"{processors()} × {_processor()}, {platform.system()} {platform.release()}",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        **asdict(measured),
    }


def kept(file: Path = JSON) -> dict[str, Any]:
    """Return what was measured before, by part."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def keep(record: Mapping[str, Any], file: Path = JSON, page: Path = PAGE) -> None:
    """Keep what was measured, beside what was before, and renew the page."""
    records = {**kept(file), record["part"]: record}
    ordered = {name: records[name] for name in sorted(records)}
    file.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = between(page.read_text(encoding="utf-8"), "goals", goals(records))
    page.write_text(between(text, record["part"], section(record)), encoding="utf-8")


def section(record: Mapping[str, Any]) -> str:
    """Return what the page says of a part."""
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    head = (
        f"`{record['command']}`, {record['day']}, commit {record['commit']}, {record['seconds']} s; "
        f"{record['machine']}; {versions}"
    )
    return f"{head}\n\n{_measured(record).markdown()}"


def goals(records: Mapping[str, Any]) -> str:
    """Return the table of all that something was promised of."""
    rows = [[*goal.row(), each["day"]] for each in records.values() for goal in _measured(each).goals]
    headers = ["", "goal", "measured", "met", "day"]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True) if rows else "Nothing was measured yet."


def between(page: str, name: str, text: str) -> str:
    """Return the page with a text in place of what stands between the marks of that name. Raises ValueError."""
    before, opening, rest = page.partition(f"<!-- {name} -->\n")
    _, closing, after = rest.partition(f"<!-- end of {name} -->")
    if not opening or not closing:
        raise ValueError(f"the page has no marks `<!-- {name} -->` and `<!-- end of {name} -->`: write both")
    return f"{before}{opening}\n{text}\n\n{closing}{after}"


def _measured(record: Mapping[str, Any]) -> Measured:
    return Measured(record["headers"], record["rows"], [Goal(**each) for each in record["goals"]], record["note"])


def _commit() -> str:
    """Return the commit that is checked out, marked where the files are no longer those."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def _processor() -> str:
    """Return what kind of processor it is, where the system says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
