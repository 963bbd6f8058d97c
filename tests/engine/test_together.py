"""Questions that all agents are asked at the same time: each has a shared server of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matrix.capabilities.registry import find_capabilities
from matrix.engine.local import LocalEngine, Options
from matrix.events import Finished
from matrix.model import STATEFUL, STATELESS
from matrix.origin import Registration, RegistrationKind
from matrix.outcome import Blame
from matrix.plan import make_plan
from matrix.registry.discovery import find_stubs
from matrix.registry.registration import from_mapping

ALL_AGENTS = "concurrency.all-agents"
MEETING = "test.meeting"
# Only a worker imports this, and so only there the question is registered: no other test is to know of it.
ROWS = f"""\
from matrix.adapters.control import control
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import expect
from matrix.lab.script import call

@capability("{MEETING}", severity="core", servers=["rendezvous"], together=True)
async def meeting(cell):
    '''All agents meet.'''
    run = await cell.ask(call("meet", party=cell.group_size, token=cell.nonce()))
    expect(run.result("meet") == f"met {{cell.nonce()}}", "it met nobody")
    expect(cell.group_size == 2, f"{{cell.group_size}} were asked together")

async def agent(task):
    return await control(task)
"""

COMPANY = """\
import os
from matrix.adapters.control import control

async def comes(task):
    return await control(task)

def never(task):
    return "I do not care for servers"

def dies(task):
    os._exit(7)
"""


def test_two_questions_in_one_run_have_each_its_own_shared_server(tmp_path: Path) -> None:
    (tmp_path / "meeting_rows.py").write_text(ROWS)
    target = "meeting_rows:agent"
    given = Registration(RegistrationKind.IMPORT_STRING, target)
    agents = [from_mapping({"factory": target}, name, given, tmp_path) for name in ("one", "two")]
    (all_agents,) = (each for each in find_capabilities() if each.id == ALL_AGENTS)
    meeting = replace(all_agents, id=MEETING, servers=("rendezvous",), revisions=(STATEFUL, STATELESS))
    plan = make_plan(agents, [all_agents, meeting], find_stubs())
    found = [each.outcome for each in LocalEngine(plan, Options()).run() if isinstance(each, Finished)]
    assert {each.cell.id: (each.verdict.value, each.reason) for each in found} == {
        f"{agent}::{column}": ("passed", "")
        for agent in ("one", "two")
        for column in (
            f"{ALL_AGENTS}::assembly[http,{STATEFUL}]",
            f"{MEETING}::rendezvous[http,{STATEFUL}]",
            f"{MEETING}::rendezvous[http,{STATELESS}]",
        )
    }


def test_an_agent_that_never_comes_or_dies_changes_no_other_row(tmp_path: Path) -> None:
    (tmp_path / "company.py").write_text(COMPANY)
    agents = [
        from_mapping({"factory": target}, name, Registration(RegistrationKind.IMPORT_STRING, target), tmp_path)
        for name, target in {
            "dies": "company:dies",
            "never": "company:never",
            "one": "company:comes",
            "two": "company:comes",
        }.items()
    ]
    (all_agents,) = (each for each in find_capabilities() if each.id == ALL_AGENTS)
    found = LocalEngine(make_plan(agents, [all_agents], find_stubs()), Options()).run()
    verdicts = {each.outcome.cell.agent: each.outcome.verdict.value for each in found if isinstance(each, Finished)}
    assert verdicts == {"dies": "failed", "never": "failed", "one": "passed", "two": "passed"}


def test_a_shared_server_that_does_not_start_is_nobodys_failure(tmp_path: Path) -> None:
    given = Registration(RegistrationKind.IMPORT_STRING, "meeting_rows:agent")
    agents = [from_mapping({"factory": "meeting_rows:agent"}, "one", given, tmp_path)]
    (all_agents,) = (each for each in find_capabilities() if each.id == ALL_AGENTS)
    plan = make_plan(agents, [all_agents], find_stubs())
    nowhere = replace(plan, capabilities=(replace(all_agents, servers=("nowhere",)),))
    (found,) = (each.outcome for each in LocalEngine(nowhere, Options()).run() if isinstance(each, Finished))
    assert (found.verdict.value, found.blamed_on) == ("errored", Blame.MATRIX)
    assert found.reason == "the server nowhere, which all agents were to use together, did not start"
