"""Rows whose agent lives in a harness: they are asked like any other, and a lost process is one cell's fault."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from matrix.engine.local import Options
from matrix.model import STATEFUL, Agent, Cell, Verdict
from matrix.registry.registration import from_mapping
from tests.hostile import vices
from tests.row_helpers import asked
from tests.saboteurs.running import CAPABILITIES, REPOSITORY, planned, ran
from tests.samples import A_TEST

STRUCK = replace(CAPABILITIES["invoke.tool-error"], deadline=8, start_up=60)
SPARED = [CAPABILITIES[each] for each in ("invoke.round-trip", "invoke.unicode")]


def harnessed(target: str, name: str, folder: Path = REPOSITORY) -> Agent:
    """Return a row whose agent is imported by an interpreter of its own, which is ours here."""
    return from_mapping({"target": target, "python": sys.executable}, name, A_TEST, folder)


def one_way(cell: Cell) -> bool:
    return (cell.transport, cell.revision) == ("http", STATEFUL)


@pytest.mark.parametrize(
    ("vice", "verdict", "because"),
    [
        ("ends_the_process", Verdict.FAILED, "the agent ended its process with exit code 7"),
        ("never_yields", Verdict.TIMED_OUT, "no end within 8 s"),
        ("cancels_itself", Verdict.FAILED, "cancelled from within"),
        ("raises_no_exception", Verdict.FAILED, "Unheard: nobody expects this"),
    ],
)
def test_what_an_agent_does_to_its_process_costs_its_own_cell_only(vice: str, verdict: Verdict, because: str) -> None:
    row = harnessed(f"{vices.__name__}:{vice}.answer", "hostile")
    outcomes = ran(planned([row], [STRUCK, *SPARED], one_way), Options())
    found = {each.cell.capability: each for each in outcomes if each.cell.agent == "hostile"}
    struck = found.pop(STRUCK.id)
    assert (struck.verdict, because in struck.reason) == (verdict, True), struck.reason
    assert {name: (each.verdict, each.reason) for name, each in found.items()} == {
        each.id: (Verdict.PASSED, "") for each in SPARED
    }


SHOP = """\
from pydantic_ai import Agent

agent = Agent("openai:gpt-4.1-mini", instructions="Answer with your tools.")


@agent.tool_plain
def price(of: str) -> str:
    return f"{of} costs 3"
"""
LIVING = ["concurrency.many-runs", "concurrency.shared-server", "lifecycle.shutdown"]


def test_a_pydantic_agent_meets_the_scripted_model_in_its_own_process_and_runs_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    row = harnessed("shop:agent", "shop", tmp_path)
    chosen = [CAPABILITIES[each] for each in LIVING]
    outcomes = ran(
        planned([row], chosen, lambda cell: (cell.transport, cell.revision) == ("stdio", STATEFUL)), Options()
    )
    found = {each.cell.capability: (each.verdict, each.reason) for each in outcomes if each.cell.agent == "shop"}
    assert found == dict.fromkeys(LIVING, (Verdict.PASSED, ""))


def test_what_an_interpreter_cannot_import_is_a_red_row_with_cause_and_mend(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import no_such_package\n")
    outcomes, _ = asked([harnessed("shop:agent", "shop", tmp_path)])
    told = "shop cannot be imported: no module named 'no_such_package'; install it"
    assert (outcomes["shop"].verdict, outcomes["shop"].reason) == (Verdict.FAILED, told)
