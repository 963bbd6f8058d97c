"""Questions of the same servers are read from one run; whatever is not green there is asked again, alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from matrix.adapters.base import Task
from matrix.adapters.control import Control
from matrix.engine.local import LocalEngine, Options
from matrix.engine.queue import Attempt, Doubt, confirmed, shared_runs
from matrix.engine.shared_script import merged
from matrix.events import Finished
from matrix.lab.script import Turn, call, say
from matrix.model import STATEFUL, Cell, Transport, Verdict
from matrix.outcome import Outcome
from tests.saboteurs.running import CAPABILITIES, CONTROL, REPOSITORY, planned
from tests.saboteurs.saboteur import registered

OF_SCHEMAS = sorted(each.id for each in CAPABILITIES.values() if each.shares_a_run and each.servers == ("schemas",))


class TwoStepsAtMost(Control):
    """Ends a run whose model wants a third turn with calls: it does well where it is asked one thing."""

    async def together(self, calls: Any) -> list[str]:
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps > 2:
            raise RuntimeError("too many steps")
        return await super().together(calls)


class NoSizes(Control):
    """Loses the types of items, and nothing else."""

    def schema(self, schema: Any) -> Any:
        whole = super().schema(schema)
        for each in whole["properties"].values():
            if isinstance(each, dict) and each.get("type") == "array":
                each["items"] = {}
        return whole


async def two_steps(task: Task) -> str:
    return await TwoStepsAtMost.answer(task)


async def no_sizes(task: Task) -> str:
    return await NoSizes.answer(task)


def asked(name: str, *, share: bool = True) -> tuple[dict[str, Outcome], dict[str, Any]]:
    """Ask an agent of this file everything about the stub `schemas` over stdio."""
    agent = registered(f"{__name__}:{name}", name, REPOSITORY)
    plan = planned(
        [CONTROL, agent],
        CAPABILITIES.values(),
        lambda cell: cell.capability in OF_SCHEMAS and cell.transport is Transport.STDIO and cell.revision == STATEFUL,
    )
    mine = replace(plan, cells=tuple(each for each in plan.cells if each.cell.agent == name))
    done = [each for each in LocalEngine(mine, Options(share=share)).run() if isinstance(each, Finished)]
    outcomes = {each.outcome.cell.capability: each.outcome for each in done}
    return outcomes, {each.outcome.cell.capability: each.evidence for each in done}


def test_the_questions_about_one_server_are_read_from_one_run_and_say_so() -> None:
    outcomes, evidence = asked("no_sizes")
    assert len(OF_SCHEMAS) == 7
    assert sorted(outcomes) == OF_SCHEMAS
    red = {each: outcome.reason for each, outcome in outcomes.items() if outcome.verdict is not Verdict.PASSED}
    assert list(red) == ["schema.enum-items"]
    shared = evidence["schema.refs"]
    assert {Cell.parse(each).capability for each in shared["shared_with"]} == set(OF_SCHEMAS) - {"schema.refs"}
    assert len(shared["agent"]) == 1, "one run"
    called = {each["asked_for"][0]["tool"] for each in shared["model"] if each["asked_for"]}
    assert called >= {"refs", "nullable", "enum_items", "constraints", "odd_shapes", "empty"}
    assert "shared_with" not in evidence["schema.enum-items"], "what was red was asked again, alone"


def test_what_is_red_only_since_a_run_is_shared_is_green_with_a_note_and_both_are_in_the_evidence() -> None:
    outcomes, evidence = asked("two_steps")
    assert {each.verdict for each in outcomes.values()} == {Verdict.PASSED}
    told = outcomes["schema.refs"].advice
    said = "asked alone it passed; in a run with others of its questions it was failed"
    assert told == (f"{said}: the run ended with RuntimeError: too many steps",)
    assert len(evidence["schema.refs"]["before"]["shared_with"]) == 6


def test_each_question_has_a_run_of_its_own_where_sharing_is_switched_off() -> None:
    outcomes, evidence = asked("two_steps", share=False)
    assert {each.verdict for each in outcomes.values()} == {Verdict.PASSED}
    assert not any(each.advice for each in outcomes.values())
    assert not any("shared_with" in each for each in evidence.values())


def test_scripts_are_merged_turn_by_turn_with_one_text_at_the_end() -> None:
    one, two = call("one", text="a"), call("two")
    assert merged([[one, say("done")], [two], [one], [say("hello")]]) == [one, two, say("done")]
    assert merged([[say("hello")], [say("hello")]]) == [say("hello")]
    held: Turn = call("one", text="b")
    assert merged([[one], [held]]) == [one, held]


def test_only_cells_of_the_same_servers_transport_and_revision_share_a_run() -> None:
    def cell(capability: str, transport: Transport, server: str = "echo") -> Cell:
        return Cell("tiny", capability, (server,), transport, STATEFUL)

    trip = cell("invoke.round-trip", Transport.HTTP)
    http, headers = cell("transport.http", Transport.HTTP), cell("transport.headers", Transport.HTTP)
    stdio, refs = cell("transport.stdio", Transport.STDIO), cell("schema.refs", Transport.HTTP, "schemas")
    alone = cell("invoke.unicode", Transport.HTTP)
    assert shared_runs([trip, alone, http, stdio, headers, refs], CAPABILITIES) == [
        (trip, http, headers),
        (alone,),
        (stdio,),
        (refs,),
    ]


def test_what_is_red_alone_too_is_told_as_it_was_alone() -> None:
    cell = Cell("tiny", "schema.refs", ("schemas",), Transport.HTTP, STATEFUL)
    alone = Attempt(Outcome.of_one_attempt(cell, Verdict.FAILED, "its own"), {"cell": cell.id})
    assert confirmed(alone, Doubt(Attempt(Outcome.of_one_attempt(cell, Verdict.FAILED, "another")), "then")) is alone
