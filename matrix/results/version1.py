"""Results of schema 1, which had no blame and one run a file, read as those of schema 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from matrix.json_access import mapping
from matrix.model import CONTROL, Verdict
from matrix.outcome import FIRST_RUN, Blame, Outcome

SCHEMA_VERSION = 1


def upgraded(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of schema 1 as one of schema 2."""
    match line.get("kind"):
        case "header":
            capabilities = {
                name: {"title": "", **mapping(each)} for name, each in mapping(line.get("capabilities")).items()
            }
            return {
                "configs": None,
                **line,
                "schema": 2,
                "unpinned": {},
                "run": FIRST_RUN,
                "earlier": {},
                "capabilities": capabilities,
            }
        case "outcome":
            return {**line, "blamed_on": None, "run": FIRST_RUN}
        case _:
            return dict(line)


def blamed(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return outcomes of schema 1 with their blame: that of a column whose control is errored is the control's."""
    found = tuple(outcomes)
    void = {each.cell.column for each in found if each.cell.agent == CONTROL and each.verdict is Verdict.ERRORED}
    return tuple(
        replace(each, blamed_on=Blame.CONTROL)
        if each.verdict is Verdict.ERRORED and each.cell.agent != CONTROL and each.cell.column in void
        else each
        for each in found
    )
