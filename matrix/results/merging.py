"""The shards of one run joined into one matrix, judged again as a whole; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar, cast

from matrix.errors import CannotMerge, IncompleteRun, ShardsDisagree
from matrix.outcome import FIRST_RUN, EarlierRun, Matrix, Outcome, RunHeader
from matrix.results.baseline import Entry
from matrix.results.judgement import settled

T = TypeVar("T")
Named = tuple[str, Matrix]
"""A matrix, with the name of its file."""
_SAME: Mapping[str, Callable[[RunHeader], Any]] = {
    "the matrix": lambda header: header.matrix,
    "Python": lambda header: header.python,
    "--live": lambda header: header.live,
    "--repeat": lambda header: header.repeat,
}
"""What all shards have to have in common, besides their packages."""


def merged(shards: Sequence[Named], baseline: Sequence[Entry] | None = None) -> Matrix:
    """Return the matrix of all shards, named by their files.

    What an outcome counts for may rest on a cell of another shard, so all are judged once more. Without a `baseline`
    what was expected stays expected. Raises UsageError when one did not end or is missing, when two are the same, of
    different plans or versions, or disagree on a cell.
    """
    for path, matrix in shards:
        if not matrix.complete:
            raise IncompleteRun(path, "run that shard again, with --resume")
    for one, other in pairwise(shards):
        _check_versions(one, other)
    _check_shards(shards)
    outcomes, earlier = _joined(shards)
    headers = [matrix.header for _, matrix in shards]
    header = replace(
        headers[0],
        agents=_both(headers, lambda each: each.agents),
        capabilities=_both(headers, lambda each: each.capabilities),
        pins=_both(headers, lambda each: each.pins),
        unpinned=_both(headers, lambda each: each.unpinned),
        servers=_both(headers, lambda each: each.servers),
        run=FIRST_RUN,
        earlier=earlier,
        resumed=(),
        shard=None,
        planned=len(outcomes),
    )
    return Matrix(header, _judged(outcomes, header, baseline)).in_order()


def _judged(outcomes: Sequence[Outcome], header: RunHeader, baseline: Sequence[Entry] | None) -> tuple[Outcome, ...]:
    needs = {name: each.needs for name, each in header.capabilities.items()}
    found = settled(outcomes, baseline or (), needs)
    if baseline is not None:
        return found
    return tuple(
        replace(each, expected=before.expected if before.verdict is each.verdict else None)
        for before, each in zip(outcomes, found, strict=True)
    )


def _joined(shards: Sequence[Named]) -> tuple[tuple[Outcome, ...], dict[str, EarlierRun]]:
    """Return the outcomes of all shards, and the earlier runs that some of them come from."""
    outcomes: dict[str, Outcome] = {}
    earlier: dict[str, EarlierRun] = {}
    for path, matrix in shards:
        # All shards are parts of one run; what they kept of earlier runs is told apart, whatever it was called there.
        runs = {matrix.header.run: FIRST_RUN}
        for name, each in matrix.header.earlier.items():
            if matrix.header.shard is not None:
                runs[name] = FIRST_RUN
            else:
                runs[name] = f"r{len(earlier) + 2}"
                earlier[runs[name]] = each
        for one in _own(path, matrix):
            outcome = replace(one, run=runs.get(one.run, FIRST_RUN))
            known = outcomes.setdefault(outcome.cell.id, outcome)
            if known.verdict is not outcome.verdict:
                raise ShardsDisagree(path, outcome.cell.id, outcome.verdict.value, known.verdict.value)
    return tuple(outcomes.values()), earlier


def _own(path: str, matrix: Matrix) -> tuple[Outcome, ...]:
    """Return a shard's own outcomes, without those that were in its folder before."""
    shard = matrix.header.shard
    if shard is None:
        return matrix.outcomes
    runs = {matrix.header.run, *matrix.header.resumed}
    own = tuple(each for each in matrix.outcomes if each.run in runs)
    if len(own) != shard.cells:
        raise CannotMerge(path, f"has {len(own)} of the {shard.cells} cells of its shard", _again(shard.label))
    return own


def _check_shards(shards: Sequence[Named]) -> None:
    found = [(path, matrix.header.shard) for path, matrix in shards]
    first, model = next(((path, shard) for path, shard in found if shard is not None), ("", None))
    if model is None:
        return
    seen: dict[int, str] = {}
    for path, shard in found:
        if shard is None:
            raise CannotMerge(path, "is no shard, and another file is one", "name the shards of one run alone")
        if (shard.parts, shard.plan) != (model.parts, model.plan):
            what = f"is shard {shard.label} of another plan than {first}, shard {model.label}"
            raise CannotMerge(path, what, "run both again with the same agents, filters, and results to be divided by")
        if shard.part in seen:
            raise CannotMerge(path, f"is shard {shard.label}, and so is {seen[shard.part]}", "name one of them")
        seen[shard.part] = path
    for part in range(1, model.parts + 1):
        if part not in seen:
            label = f"{part}/{model.parts}"
            raise CannotMerge(f"shard {label}", "is missing", f"{_again(label)}, and name all of them")


def _check_versions(one: Named, other: Named) -> None:
    (path, mine), (other_path, theirs) = one, other
    values = [(name, of(mine.header), of(theirs.header)) for name, of in _SAME.items()]
    for what in ("packages", "pins", "servers"):
        ours, others = getattr(mine.header, what), getattr(theirs.header, what)
        values += [(name, ours[name], others[name]) for name in sorted(ours.keys() & others.keys())]
    for name, value, another in values:
        if value != another:
            what = f"was run with {name} {_words(another)}, {path} with {name} {_words(value)}"
            raise CannotMerge(other_path, what, "run one of them again, with the versions of the other")


def _words(value: Any) -> str:
    return ", ".join(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else str(value)


def _again(label: str) -> str:
    return f"run it again with --shard {label}"


def _both(headers: Sequence[RunHeader], part: Callable[[RunHeader], Mapping[str, T]]) -> dict[str, T]:
    return {name: each for header in headers for name, each in part(header).items()}
