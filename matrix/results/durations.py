"""How long cells have taken in a run before; it is kept in the header, where all times are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from matrix.errors import MatrixError
from matrix.outcome import Outcome, RunHeader
from matrix.results.reading import read_matrix


def with_seconds(header: RunHeader, outcomes: Iterable[Outcome]) -> RunHeader:
    """Return the header of a whole run with what a cell of each capability took on average, in seconds."""
    taken: dict[str, list[float]] = {}
    for each in outcomes:
        if each.duration is not None:
            taken.setdefault(each.cell.capability, []).append(each.duration)
    capabilities = {
        name: replace(each, seconds=round(sum(taken[name]) / len(taken[name]), 3)) if name in taken else each
        for name, each in header.capabilities.items()
    }
    return replace(header, capabilities=capabilities)


def known_seconds(*folders: Path) -> dict[str, float]:
    """Return the seconds of a cell by capability, from the first folder whose results have them; none is fine."""
    for folder in folders:
        try:
            header = read_matrix(folder).header
        except MatrixError:
            continue
        known = {name: each.seconds for name, each in header.capabilities.items() if each.seconds}
        if known:
            return known
    return {}
