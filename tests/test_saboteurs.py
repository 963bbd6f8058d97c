"""A check that cannot fail is a defect: every capability turns red on an agent that is wrong on purpose."""

from __future__ import annotations

import pytest

from tests.saboteurs.proving import prove
from tests.saboteurs.registry import ALL, SABOTEURS
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, SLOW, is_the_one, planned, ran, red
from tests.saboteurs.saboteur import Saboteur, registered


def test_every_capability_has_a_saboteur_and_every_saboteur_a_capability() -> None:
    assert set(SABOTEURS) == set(CAPABILITIES) == {capability for capability, _ in ALL}
    assert {other for _, each in ALL for other in each.related} <= set(CAPABILITIES)


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_the_agent_that_saboteurs_derive_from_passes_everything(transport: str) -> None:
    honest = registered("tests.saboteurs.honest:Honest.answer", "honest", REPOSITORY)
    plan = planned(
        [honest],
        CAPABILITIES.values(),
        lambda cell: is_the_one(cell, CAPABILITIES[cell.capability], transport) and cell.capability not in SLOW,
    )
    assert red(ran(plan)) == {}


EVERY_SABOTEUR = pytest.mark.parametrize(
    ("capability", "saboteur"), ALL, ids=[f"{capability}-{saboteur.vice.__name__}" for capability, saboteur in ALL]
)


@EVERY_SABOTEUR
def test_a_capability_turns_red_on_its_saboteur_and_no_unrelated_one_does(capability: str, saboteur: Saboteur) -> None:
    _prove(capability, saboteur, whole=False)


@pytest.mark.soak
@EVERY_SABOTEUR
def test_no_unrelated_capability_at_all_turns_red_on_a_saboteur(capability: str, saboteur: Saboteur) -> None:
    _prove(capability, saboteur, whole=True)


def _prove(capability: str, saboteur: Saboteur, *, whole: bool) -> None:
    proof = prove(capability, saboteur, whole=whole)
    if proof.lacking is not None:
        pytest.skip(proof.lacking)
    assert proof.problems == ()
    assert proof.caught
