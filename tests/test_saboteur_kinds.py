"""A capability that is put to several kinds of broken agents says of each what is wrong with it."""

from __future__ import annotations

import pytest

from matrix.model import STATEFUL, Transport
from tests.saboteurs.kinds import KINDS
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, is_caught, planned, ran


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_broken_agent_is_caught_for_its_own_reason(kind: str) -> None:
    capability, saboteur = KINDS[kind]
    plan = planned(
        saboteur.agents(REPOSITORY),
        [CAPABILITIES[capability]],
        lambda cell: cell.transport is Transport.HTTP and cell.revision == STATEFUL,
    )
    outcomes = ran(plan)
    assert outcomes
    assert [each.reason for each in outcomes if not is_caught(each, saboteur.because)] == []
