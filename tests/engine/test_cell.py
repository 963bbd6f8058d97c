"""Executing a cell: every ending has its verdict, its reason in one sentence, and the evidence of all witnesses."""

from __future__ import annotations

import asyncio

import pytest

from matrix.adapters.base import CannotStart
from matrix.adapters.callable import CallableInstance
from matrix.adapters.control import control
from matrix.capabilities.verbs import Unsupported, expect
from matrix.engine import tasks
from matrix.engine.question import Question
from matrix.errors import ServerFault
from matrix.lab.script import call
from matrix.lab.servers.spec import ServerSpec, Stub, StubServer
from matrix.model import Verdict
from matrix.outcome import Blame
from mcp_stubs._room import Room
from mcp_stubs._stub import STDERR, StubTool, tool_server
from tests.engine.questions import HANG, raising, round_trip

pytestmark = pytest.mark.anyio


async def hanging(_):
    await asyncio.Event().wait()


async def forgetful(_):
    return "I never asked my model"


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_an_agent_that_does_well_passes(put, transport):
    cell = await put(round_trip, control, transport=transport)
    assert cell.told == (Verdict.PASSED, "")
    assert cell.outcome.duration > 0


async def test_an_expectation_that_is_not_met_fails_the_agent_for_that_reason(put):
    async def check(cell):
        await round_trip(cell)
        expect(False, "the second half is missing")

    cell = await put(check, control)
    assert cell.told == (Verdict.FAILED, "the second half is missing")


async def test_a_feature_that_is_found_absent_is_unsupported(put):
    async def check(cell):
        raise Unsupported("it says so itself")

    assert (await put(check, control)).told == (Verdict.UNSUPPORTED, "it says so itself")


async def test_a_failure_of_what_the_row_declares_absent_is_unsupported_and_says_what_was_seen(put):
    async def check(cell):
        expect(False, "no prompt was offered")

    cell = await put(check, control, unsupported=frozenset({"test.question"}))
    assert cell.told == (Verdict.UNSUPPORTED, "declared unsupported, and so it is: no prompt was offered")
    assert (await put(round_trip, control, unsupported=frozenset({"test.question"}))).told == (Verdict.PASSED, "")


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (raising(RuntimeError("no such key")), "the run ended with RuntimeError: no such key"),
        (raising(AssertionError()), "the run ended with AssertionError"),
        (raising(TimeoutError("of its own")), "the run ended with TimeoutError: of its own"),
        (
            raising(asyncio.CancelledError()),
            "the run ended with CancelledError: the run was cancelled from within",
        ),
        (
            raising(ExceptionGroup("outer", [ExceptionGroup("inner", [KeyError("x")])])),
            "the run ended with KeyError: 'x'",
        ),
        (
            raising(BaseExceptionGroup("outer", [asyncio.CancelledError("mine")])),
            "the run ended with CancelledError: mine",
        ),
        (
            lambda task: 7,
            "the agent returned int; it should return a text, or (text, history)",
        ),
        (lambda task: 1 / 0, "the run ended with ZeroDivisionError: division by zero"),
        (forgetful, "the agent asked no model at all"),
    ],
)
async def test_an_agent_that_ends_badly_fails_with_its_own_words(put, agent, reason):
    cell = await put(round_trip, agent)
    assert cell.told == (Verdict.FAILED, reason)


async def test_an_agents_own_timeout_within_is_no_deadline_of_ours(put):
    async def impatient(_):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    assert (await put(round_trip, impatient)).told == (Verdict.FAILED, "the run ended with TimeoutError")


async def test_an_agent_that_was_not_offered_the_tool_is_told_what_it_offered(put):
    async def check(cell):
        await cell.ask(call("gone", text="x"))

    verdict, reason = (await put(check, control)).told
    assert verdict is Verdict.FAILED
    assert reason == "the tool gone was not offered to the model, which was offered echo__echo, own_tool"


async def test_an_agent_that_cannot_be_made_fails(put):
    async def start(_):
        raise CannotStart("its factory raised ImportError: nothing there")

    cell = await put(round_trip, control, start=start)
    assert cell.told == (
        Verdict.FAILED,
        "the agent could not be made: its factory raised ImportError: nothing there",
    )


async def test_a_deadline_that_passes_is_a_timeout(put):
    cell = await put(round_trip, hanging, deadline=0.2)
    assert cell.told == (
        Verdict.TIMED_OUT,
        "no sign of it within 0.2 s: the agent had not asked its model for anything",
    )


async def test_a_timeout_says_which_call_was_pending(put):
    said = []

    async def check(cell):
        run = asyncio.ensure_future(cell.attempt(call("silent")))
        assert await cell.trace.until(lambda: bool(cell.trace.calls("silent")), HANG)
        said.append(Question(cell._cell, None, cell._setting, cell.trace).what_was_pending())
        run.cancel()
        await asyncio.wait({run})

    await put(check, control, servers=("slow",))
    assert said == ["the server slow had not answered silent"]


async def test_an_agent_that_will_not_be_cancelled_does_not_hold_up_the_verdict(put, monkeypatch):
    monkeypatch.setattr(tasks, "TEARDOWN_SECONDS", 0.05)
    released = asyncio.Event()

    async def stubborn(_):
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return "at last"

    cell = await put(round_trip, stubborn, deadline=0.2)
    assert cell.told[0] is Verdict.TIMED_OUT
    released.set()


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (RuntimeError("oops"), "the check itself raised RuntimeError: oops"),
        (ExceptionGroup("both", [ValueError("a")]), "the check itself raised ExceptionGroup: both (1 sub-exception)"),
        (asyncio.CancelledError(), "the check itself ended with CancelledError: the run was cancelled from within"),
    ],
)
async def test_a_check_that_breaks_is_our_fault(put, problem, reason):
    async def check(_):
        raise problem

    cell = await put(check, control)
    assert cell.told == (Verdict.ERRORED, reason)
    assert cell.outcome.blamed_on is Blame.MATRIX


async def test_a_question_that_a_server_makes_impossible_is_the_servers_fault(put):
    async def check(_):
        raise ServerFault("the server is not to be had")

    cell = await put(check, control)
    assert cell.told == (Verdict.ERRORED, "the server is not to be had")
    assert cell.outcome.blamed_on is Blame.SERVER


async def test_a_server_that_cannot_be_had_is_the_servers_fault(put):
    def wanted(*_):
        raise ServerFault("memory did not come up over HTTP")

    cell = await put(round_trip, control, attached=wanted)
    assert cell.told == (Verdict.ERRORED, "memory did not come up over HTTP")
    assert cell.outcome.blamed_on is Blame.SERVER


class Crash(BaseException):
    """What ends a stub without its meaning to."""


def crashing(name, room):
    async def crash(*_):
        raise Crash("boom")

    return tool_server(name, [StubTool("crash", "Crash.", crash)])


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_a_stub_that_crashes_on_its_own_is_our_fault_and_no_agents(put, transport):
    async def check(cell):
        run = await cell.ask(call("crash"))
        expect(run.result("crash") == "fine", "the agent lost the result")

    def wanted(*_):
        return [ServerSpec("crashing", StubServer(Stub("crashing", crashing, Room, STDERR)))]

    cell = await put(check, control, transport=transport, attached=wanted)
    assert cell.told == (Verdict.ERRORED, "lab fault: the stub crashing ended by Crash: boom")
    assert cell.outcome.blamed_on is Blame.MATRIX


@pytest.mark.parametrize("transport", ["stdio", "http", "sse"])
async def test_a_stub_that_was_meant_to_die_excuses_no_agent(put, transport):
    async def check(cell):
        run = await cell.ask(call("die"))
        expect("error" not in run.result("die"), "the error was not handled")

    cell = await put(check, control, transport=transport, servers=("mortal",))
    assert cell.told == (Verdict.FAILED, "the error was not handled")
    assert cell.outcome.blamed_on is Blame.AGENT


@pytest.mark.parametrize(
    "problem",
    [RuntimeError("late"), asyncio.CancelledError(), BaseExceptionGroup("g", [asyncio.CancelledError()])],
)
async def test_what_goes_wrong_while_tearing_down_never_changes_the_verdict(put, problem):
    class Clumsy(CallableInstance):
        async def close(self):
            raise problem

    async def start(_):
        return Clumsy(control)

    async def failing(cell):
        await round_trip(cell)
        expect(False, "as it should be")

    assert (await put(round_trip, control, start=start)).told == (Verdict.PASSED, "")
    assert (await put(failing, control, start=start)).told == (Verdict.FAILED, "as it should be")
