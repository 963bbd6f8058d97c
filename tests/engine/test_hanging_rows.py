"""An agent that hangs in cell after cell is told by its silence, and is not asked everything."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from matrix.adapters.base import Task
from matrix.adapters.control import Control
from matrix.engine.local import HUNG_LIMIT, LocalEngine
from matrix.engine.options import Options
from matrix.events import Finished
from matrix.model import Verdict
from tests.saboteurs.running import CAPABILITIES, CONTROL, REPOSITORY, is_the_one, planned
from tests.saboteurs.saboteur import registered

OTHERWISE = {"invoke.timeout", "invoke.server-death"}
"""What a server that never answers is waited for in."""
ASKED = sorted(each for each in CAPABILITIES if each.startswith(("invoke.", "schema.")) and each not in OTHERWISE)


async def never_returns(task: Task) -> str:
    """Do well, and never come to an end."""
    await Control.answer(task)
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def test_an_agent_that_never_returns_ends_its_row_with_one_reason() -> None:
    agent = registered(f"{__name__}:never_returns", "hangs", REPOSITORY)
    capabilities = [replace(CAPABILITIES[each], silence=2.0) for each in ASKED]
    plan = planned([CONTROL, agent], capabilities, lambda cell: is_the_one(cell, CAPABILITIES[cell.capability], "http"))
    mine = replace(plan, cells=tuple(each for each in plan.cells if each.cell.agent == "hangs"))
    done = [each.outcome for each in LocalEngine(mine, Options()).run() if isinstance(each, Finished)]
    assert {each.verdict for each in done} == {Verdict.TIMED_OUT}
    told = "nothing has moved for 2 s: its model had given its answer, and the run did not end"
    assert Counter(each.reason for each in done) == {
        told: HUNG_LIMIT,
        f"not asked: in each of the {HUNG_LIMIT} cells before it, {told}": len(ASKED) - HUNG_LIMIT,
    }
