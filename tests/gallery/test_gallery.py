"""Unusual and correct is green, or unsupported for an honest reason: what the table says of each agent of a kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from matrix.model import Cell, Verdict
from matrix.outcome import Blame, Outcome
from tests.gallery.exhibit import SAMPLE, Exhibit
from tests.gallery.table import GALLERY
from tests.saboteurs.proving import install
from tests.saboteurs.running import CAPABILITIES, REAL_SERVER, REPOSITORY, SLOW, is_the_one, planned, ran, red

ALL = [each for exhibits in GALLERY.values() for each in exhibits]


def wanted(exhibit: Exhibit, *, whole: bool) -> set[Cell]:
    """Return the cells that an agent is asked; unless all are wanted, a part that takes CI no long time."""
    questions, transports = set(exhibit.questions), exhibit.transports
    if not whole and not exhibit.refused:
        turn = SAMPLE[ALL.index(exhibit) % len(SAMPLE)]
        questions = {"invoke.round-trip", turn, *(questions - {*SAMPLE, *SLOW})}
        transports = transports[-1:]
    capabilities = [CAPABILITIES[each] for each in questions]
    plan = planned([exhibit.agent(REPOSITORY)], capabilities, lambda _: True)
    return {
        each.cell
        for each in plan.cells
        if each.cell.agent == exhibit.name
        if (each.cell.server == REAL_SERVER and install() is None)
        or any(is_the_one(each.cell, CAPABILITIES[each.cell.capability], over) for over in transports)
    }


def outcomes(exhibits: Sequence[Exhibit], cells: Collection[Cell]) -> list[Outcome]:
    """Put these questions to all of these agents, in one run."""
    capabilities = [CAPABILITIES[each] for each in sorted({each.capability for each in cells})]
    return ran(planned([each.agent(REPOSITORY) for each in exhibits], capabilities, lambda cell: cell in cells))


def expect_the_table(kind: str, *, whole: bool) -> None:
    by_name = {each.name: each for each in GALLERY[kind]}
    cells = {cell for each in GALLERY[kind] for cell in wanted(each, whole=whole)}
    found = outcomes(GALLERY[kind], cells)
    expected = {each.id: by_name[each.agent].expected(each.capability) for each in cells}
    assert red(found) == {cell: told for cell, told in expected.items() if told}
    assert {each.cell for each in found} == cells
    assert {each.agent for each in cells} == set(by_name)


@pytest.mark.parametrize("kind", GALLERY)
def test_what_is_unusual_and_correct_is_green_or_honestly_unsupported(kind):
    expect_the_table(kind, whole=False)


@pytest.mark.soak
@pytest.mark.parametrize("kind", GALLERY)
def test_so_it_is_with_the_whole_sample_over_every_transport(kind):
    expect_the_table(kind, whole=True)


@pytest.mark.parametrize("target", ["forms:blocking", "running:in_the_default_executor"])
def test_sixteen_runs_in_threads_are_in_flight_at_once_whatever_machine_it_is(target):
    (exhibit,) = [each for each in ALL if each.target == target]
    cells = {replace(each, capability="concurrency.many-runs") for each in wanted(exhibit, whole=False)}
    found = outcomes([exhibit], {each for each in cells if each.server == "echo"})
    assert {each.cell.capability for each in found} == {"concurrency.many-runs"}
    assert red(found) == {}


def test_an_endpoint_that_the_scripted_model_lacks_is_no_fault_of_the_agents():
    speaking = Exhibit("side_calls:Speaking.answer", "Has its answer spoken.")
    cells = {each for each in wanted(speaking, whole=True) if each.capability == "invoke.round-trip"}
    (found,) = outcomes([speaking], cells)
    assert (found.verdict, found.blamed_on) == (Verdict.ERRORED, Blame.MATRIX)
    assert found.reason == "the agent asked its provider for /v1/audio/speech, which the scripted model does not answer"


def test_the_gallery_is_large_and_says_one_sentence_of_each():
    assert len(ALL) >= 60
    assert len({each.target for each in ALL}) == len({each.unusual for each in ALL}) == len(ALL)
    assert all(each.unusual.endswith(".") and "\n" not in each.unusual for each in ALL)
