"""A request to the model finds its run: by where it was started, by what it carries, or as the only one."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from matrix.lab.model.conversation import Conversation
from matrix.lab.model.in_flight import CURRENT, WhoseIsIt, in_flight, inherited_by_threads, run_of
from matrix.lab.records import NoteKind
from matrix.lab.script import Script, call, say
from matrix.lab.trace import Trace

pytestmark = pytest.mark.anyio


def run(*turns, number=0):
    return Conversation(f"k-{number}", number, Script(turns), Trace())


def body(*texts):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": each} for each in texts]}).encode()


ONE, TWO = (call("echo", text=text) for text in ("öne", "twö"))


def in_no_run(function, *args):
    """Call a function in a thread that inherits nothing."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


def test_a_request_belongs_to_the_run_that_it_was_started_in():
    one, two = run(ONE), run(TWO)
    with in_flight(one):
        assert run_of(body("anything")) is one
        with in_flight(two):
            assert run_of(body("anything")) is two
        assert run_of(body("anything")) is one
    assert run_of(body(one.prompt)) is None


@pytest.mark.parametrize("escaped", [True, False])
def test_a_request_that_has_lost_its_run_is_told_by_its_prompt(escaped):
    one, two = run(ONE), run(TWO)
    with in_flight(one), in_flight(two):
        for each in (one, two):
            sent = json.dumps({"messages": [{"content": f"Please: {each.prompt}"}]}, ensure_ascii=escaped).encode()
            assert in_no_run(run_of, sent) is each


def test_a_prompt_that_is_the_end_of_another_is_not_taken_for_it():
    one, short = run(ONE), run(say("hello"))
    assert one.prompt.endswith(short.prompt)
    with in_flight(one), in_flight(short):
        assert in_no_run(run_of, body(one.prompt)) is one
        assert in_no_run(run_of, body(short.prompt)) is short
    with in_flight(short), in_flight(one):
        assert run_of(body(short.prompt)) is one  # a summary, of its own prompt's end


def test_the_only_run_that_is_under_way_is_taken():
    one = run(ONE)
    with in_flight(one):
        assert in_no_run(run_of, body("something else")) is one


async def test_equal_prompts_are_told_by_the_calls_that_were_made():
    one, two = run(ONE, number=1), run(ONE, number=2)
    asked = {"model": "m", "tools": [{"type": "function", "function": {"name": "echo"}}]}
    sent = json.dumps({**asked, "messages": [{"role": "user", "content": one.prompt}]}).encode()
    answer = json.loads((await two.answer("/v1/chat/completions", sent)).body)["choices"][0]["message"]
    messages = [{"content": one.prompt}, answer, {"role": "tool", "tool_call_id": answer["tool_calls"][0]["id"]}]
    with in_flight(one), in_flight(two):
        assert await asyncio.to_thread(in_no_run, run_of, json.dumps({"messages": messages}).encode()) is two


def test_what_belongs_to_nobody_for_certain_is_noted_in_every_run_that_it_may_belong_to():
    one, two, third = run(ONE), run(ONE, number=1), run(TWO)
    with in_flight(one), in_flight(two), in_flight(third):
        with pytest.raises(WhoseIsIt, match="nothing in it tells which of the runs under way it belongs to"):
            in_no_run(run_of, body(one.prompt))
        assert [len(each.trace.notes) for each in (one, two, third)] == [1, 1, 0]
        with pytest.raises(WhoseIsIt):
            in_no_run(run_of, body("something else"))
    assert [len(each.trace.notes) for each in (one, two, third)] == [2, 2, 1]
    assert third.trace.notes[0].kind is NoteKind.LAB_FAULT


def test_a_thread_that_outlives_its_run_serves_the_next_one():
    one, two, third = run(ONE), run(TWO), run(TWO, number=1)
    with in_flight(two):
        CURRENT.set(one)
        assert run_of(body(two.prompt)) is two
        assert run_of(body("its own summary")) is one
        CURRENT.set(third)
        assert run_of(body(two.prompt)) is two
    CURRENT.set(None)


def test_threads_and_pools_belong_to_who_starts_and_who_submits():
    one, two = run(ONE), run(TWO)
    seen = []
    with inherited_by_threads(), ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        with in_flight(one):
            thread = threading.Thread(target=lambda: seen.append(CURRENT.get()))
            thread.start()
            thread.join()
            seen.append(pool.submit(CURRENT.get).result())
        with in_flight(two):
            seen.append(pool.submit(CURRENT.get).result())
        seen.append(pool.submit(CURRENT.get).result())
    assert seen == [one, one, two, None]


def test_threads_are_left_alone_afterwards():
    before = threading.Thread.start, ThreadPoolExecutor.submit
    with inherited_by_threads():
        assert (threading.Thread.start, ThreadPoolExecutor.submit) != before
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before
