"""A check that cannot fail is a defect: every capability turns red on an agent that is wrong on purpose."""

from __future__ import annotations

import pytest

from matrix.lab.servers.pinned import PinnedServers
from matrix.lab.servers.prepare import unavailable
from matrix.registry import environments
from matrix.registry.discovery import real_servers_file
from matrix.registry.environments import EnvironmentUnavailable
from tests.saboteurs.registry import SABOTEURS
from tests.saboteurs.running import (
    CAPABILITIES,
    CONTROL,
    REAL_SERVER,
    REPOSITORY,
    SLOW,
    is_caught,
    is_the_one,
    planned,
    ran,
    red,
    sabotaged,
)
from tests.saboteurs.saboteur import registered


def test_every_capability_has_a_saboteur_and_every_saboteur_a_capability() -> None:
    assert set(SABOTEURS) == set(CAPABILITIES)
    assert {other for each in SABOTEURS.values() for other in each.related} <= set(CAPABILITIES)


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_the_agent_that_saboteurs_derive_from_passes_everything(transport: str) -> None:
    honest = registered("tests.saboteurs.honest:Honest.answer", "honest", REPOSITORY)
    plan = planned(
        [honest],
        CAPABILITIES.values(),
        lambda cell: is_the_one(cell, CAPABILITIES[cell.capability], transport) and cell.capability not in SLOW,
    )
    assert red(ran(plan)) == {}


@pytest.mark.parametrize("capability", sorted(SABOTEURS))
def test_a_capability_turns_red_on_its_saboteur_and_no_unrelated_one_does(capability: str) -> None:
    saboteur = SABOTEURS[capability]
    if CAPABILITIES[capability].real:
        install_real_server()
    outcomes = ran(sabotaged(capability, saboteur))
    asked = [each for each in outcomes if each.cell.capability == capability]
    of_control = [each for each in asked if each.cell.agent == CONTROL.name]
    assert of_control
    assert red(of_control) == {}
    for column in {each.cell.column for each in asked if saboteur.shows_in(each.cell)}:
        rows = [each for each in asked if each.cell.column == column and each not in of_control]
        caught = any(is_caught(each, saboteur.because) for each in rows)
        assert caught, f"{column}: {[(str(each.verdict), each.reason) for each in rows]}"
    assert red(each for each in outcomes if each.cell.capability not in {capability, *saboteur.related}) == {}


def install_real_server() -> None:
    """Install the real server that saboteurs meet, or skip the test with the reason why it cannot be had."""
    server = PinnedServers(real_servers_file()).pinned[REAL_SERVER]
    if reason := unavailable(server):
        pytest.skip(reason)
    try:
        environments.ensure(server.environment, print)
    except EnvironmentUnavailable as error:
        pytest.skip(str(error))
