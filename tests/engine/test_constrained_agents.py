"""Agents that hold their model to something are asked like any other: green, or unsupported for an honest reason."""

from __future__ import annotations

import pytest

from matrix.model import STATEFUL, Verdict
from matrix.outcome import Blame
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, is_the_one, planned, ran, red
from tests.saboteurs.saboteur import registered

ASKED = (
    "discovery.name-collision",
    "invoke.nested-args",
    "invoke.round-trip",
    "schema.provider-rules",
    "concurrency.one-failure",
    "concurrency.order",
    "concurrency.parallel-calls",
    "concurrency.parallel-servers",
)
AT_ONCE = {each for each in ASKED if each.startswith("concurrency.")}


def outcomes(kind, *asked):
    agent = registered(f"tests.engine.constrained:{kind}.answer", "constrained", REPOSITORY)
    plan = planned(
        [agent],
        [CAPABILITIES[each] for each in asked],
        lambda cell: is_the_one(cell, CAPABILITIES[cell.capability], "http") and cell.revision in {STATEFUL, ""},
    )
    return ran(plan)


@pytest.mark.parametrize("kind", ["Planner", "Structured", "Finishing", "Embedding"])
def test_it_is_green_like_an_agent_that_asks_for_nothing(kind):
    found = outcomes(kind, *ASKED)
    assert len(found) == len(ASKED)
    assert red(found) == {}


def test_an_agent_of_one_call_a_turn_is_green_but_for_what_needs_two_at_once():
    found = outcomes("Serial", *ASKED)
    told = {each.cell.capability: each.reason for each in found if each.verdict is Verdict.UNSUPPORTED}
    assert told == dict.fromkeys(AT_ONCE, "the agent asks its model for one call at a time")
    assert {each.cell.capability for each in found if each.verdict is Verdict.PASSED} == set(ASKED) - AT_ONCE


def test_an_endpoint_that_the_scripted_model_lacks_is_no_fault_of_the_agents():
    (found,) = outcomes("Speaking", "invoke.round-trip")
    assert (found.verdict, found.blamed_on) == (Verdict.ERRORED, Blame.MATRIX)
    assert found.reason == "the agent asked its provider for /v1/audio/speech, which the scripted model does not answer"
