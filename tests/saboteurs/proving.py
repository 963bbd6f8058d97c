"""The proof of a capability: the control passes it, its saboteur does not, for its reason, and unrelated ones pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matrix.lab.servers.prepare import unavailable
from matrix.model import Cell
from matrix.outcome import Outcome
from matrix.registry import environments
from matrix.registry.environments import EnvironmentUnavailable
from tests.saboteurs.registry import ALL
from tests.saboteurs.running import CAPABILITIES, CONTROL, REAL, REAL_SERVER, is_caught, ran, red, sabotaged
from tests.saboteurs.saboteur import Saboteur


@dataclass(frozen=True)
class Proof:
    """What came of asking a saboteur: how it was caught, and what speaks against the capability, if anything."""

    capability: str
    vice: str
    caught: str
    problems: tuple[str, ...] = ()
    lacking: str | None = None
    """What this machine lacks, where the proof could not be had."""


def proofs(capabilities: Sequence[str] = ()) -> tuple[tuple[str, Saboteur], ...]:
    """Return the saboteurs of these capabilities, or all, each with its capability, sorted by that."""
    wanted = [pair for pair in ALL if not capabilities or pair[0] in capabilities]
    return tuple(sorted(wanted, key=lambda pair: pair[0]))


def prove(capability: str, saboteur: Saboteur, *, whole: bool = True) -> Proof:
    """Put the question of a capability to the control and to a saboteur, and every other one to the saboteur.

    Of the others only a sample is asked where it is not to be the whole.
    """
    vice = saboteur.vice.__name__
    if CAPABILITIES[capability].real and (reason := install()) is not None:
        return Proof(capability, vice, "", lacking=reason)
    outcomes = ran(sabotaged(capability, saboteur, whole=whole))
    asked = [each for each in outcomes if each.cell.capability == capability]
    of_control = [each for each in asked if each.cell.agent == CONTROL.name]
    problems = ["the control was not asked"] if not of_control else []
    problems += [f"the control is not green: {told}" for told in _told(of_control)]
    caught = ""
    for column in sorted({each.cell.column for each in asked if saboteur.shows_in(each.cell)}):
        rows = [each for each in asked if each.cell.column == column and each not in of_control]
        found = next((each for each in rows if _is_caught(each, saboteur.because)), None)
        if found is None:
            problems.append(f"it was not caught by {saboteur.because!r} in {column}: {_verdicts(rows)}")
        else:
            caught = caught or found.reason
    related = {capability, *saboteur.related}
    # What rests on another cell is told by that one.
    others = [each for each in outcomes if each.cell.capability not in related and each.rests_on is None]
    problems += [f"an unrelated capability is not green: {told}" for told in _told(others)]
    return Proof(capability, vice, caught, tuple(problems))


def _is_caught(outcome: Outcome, because: str) -> bool:
    """Whether it is red for this reason, or rests on a cell of the same capability that is."""
    if outcome.rests_on is not None:
        return Cell.parse(outcome.rests_on).capability == outcome.cell.capability and because in outcome.reason
    return is_caught(outcome, because)


def _told(outcomes: Iterable[Outcome]) -> list[str]:
    return [f"{cell}: {why}" for cell, why in sorted(red(outcomes).items())]


def _verdicts(rows: Iterable[Outcome]) -> str:
    return "; ".join(f"{each.verdict.value}: {each.reason}" for each in rows)


def install() -> str | None:
    """Install the real server that saboteurs meet; returns why it cannot be had, if it cannot."""
    server = REAL.pinned[REAL_SERVER]
    if reason := unavailable(server):
        return reason
    try:
        environments.ensure(server.environment, print)
    except EnvironmentUnavailable as error:
        return str(error)
    return None
