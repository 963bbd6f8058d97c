"""Unusual and correct is green, or unsupported for an honest reason: what the table says of each agent of a kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from matrix.model import Cell, Verdict
from matrix.outcome import Blame, Outcome
from tests.gallery.exhibit import Exhibit
from tests.gallery.table import GALLERY
from tests.saboteurs.proving import install
from tests.saboteurs.running import CAPABILITIES, REAL_SERVER, REPOSITORY, is_the_one, planned, ran, red

ALL = [each for exhibits in GALLERY.values() for each in exhibits]


def outcomes(exhibits: Sequence[Exhibit], asked: Collection[str] | None = None) -> list[Outcome]:
    """Put their questions to all of these agents, in one run."""
    by_name = {each.name: each for each in exhibits}
    real = any(CAPABILITIES[each].real for one in exhibits for each in one.questions) and install() is None

    def wanted(cell: Cell) -> bool:
        exhibit = by_name.get(cell.agent)
        capability = CAPABILITIES[cell.capability]
        if exhibit is None or cell.capability not in (asked or exhibit.questions):
            return False
        if capability.real:
            return cell.server == REAL_SERVER and real
        return any(is_the_one(cell, capability, each) for each in exhibit.transports)

    agents = [each.agent(REPOSITORY) for each in exhibits]
    capabilities = [CAPABILITIES[each] for each in sorted({each for one in exhibits for each in one.questions})]
    return ran(planned(agents, capabilities, wanted))


@pytest.mark.parametrize("kind", GALLERY)
def test_what_is_unusual_and_correct_is_green_or_honestly_unsupported(kind):
    by_name = {each.name: each for each in GALLERY[kind]}
    found = outcomes(GALLERY[kind])
    expected = {each.cell.id: by_name[each.cell.agent].expected(each.cell.capability) for each in found}
    assert red(found) == {cell: told for cell, told in expected.items() if told}
    assert {(each.cell.agent, each.cell.capability) for each in found} == {
        (each.name, question)
        for each in GALLERY[kind]
        for question in each.questions
        if not CAPABILITIES[question].real or install() is None
    }


def test_an_endpoint_that_the_scripted_model_lacks_is_no_fault_of_the_agents():
    (found,) = outcomes([Exhibit("side_calls:Speaking.answer", "Has its answer spoken.")], {"invoke.round-trip"})
    assert (found.verdict, found.blamed_on) == (Verdict.ERRORED, Blame.MATRIX)
    assert found.reason == "the agent asked its provider for /v1/audio/speech, which the scripted model does not answer"


def test_the_gallery_is_large_and_says_one_sentence_of_each():
    assert len(ALL) >= 60
    assert len({each.target for each in ALL}) == len({each.unusual for each in ALL}) == len(ALL)
    assert all(each.unusual.endswith(".") and "\n" not in each.unusual for each in ALL)
