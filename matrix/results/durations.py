"""How long cells have taken in a run before; it is kept in the header, where all times are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from matrix.errors import MatrixError
from matrix.outcome import Matrix, Outcome, RunHeader
from matrix.planned import Planned
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


def known_seconds(*folders: Path) -> Mapping[str, float]:
    """Return the seconds of a cell by capability, from the first folder whose results have them; none is fine."""
    for matrix in _matrices(folders):
        if known := _by_capability(matrix):
            return known
    return {}


def expected_seconds(cells: Iterable[Planned], *folders: Path) -> dict[str, float]:
    """Return how long cells will take, by id: as long as in the first folder that knows, else as their capability."""
    expected: dict[str, float] = {}
    wanted = [each.cell for each in cells]
    for matrix in _matrices(folders):
        by_cell = {each.cell: each.duration for each in matrix.outcomes if each.duration is not None}
        by_capability = _by_capability(matrix)
        for cell in wanted:
            seconds = by_cell.get(cell, by_capability.get(cell.capability))
            if seconds is not None:
                expected.setdefault(cell.id, seconds)
    return expected


def _by_capability(matrix: Matrix) -> dict[str, float]:
    return {name: each.seconds for name, each in matrix.header.capabilities.items() if each.seconds}


def _matrices(folders: Iterable[Path]) -> Iterable[Matrix]:
    for folder in folders:
        with suppress(MatrixError):
            yield read_matrix(folder)
