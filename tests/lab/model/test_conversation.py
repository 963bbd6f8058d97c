"""The scripted model finds the tools of its script, plays turn after turn, and tells what it could not do."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from matrix.lab.model.conversation import Conversation
from matrix.lab.records import Note, NoteKind
from matrix.lab.script import (
    Gate,
    Script,
    call,
    call_unknown,
    call_with,
    fault,
    say,
    together,
)
from matrix.lab.trace import Trace
from tests.lab.bench import HANG

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"


class Talk:
    """A conversation in OpenAI's format."""

    def __init__(self, *turns, run=0):
        self.trace = Trace()
        self.conversation = Conversation(f"k-{run}", run, Script(turns), self.trace)

    async def post(self, body, path=CHAT):
        return await self.conversation.answer(path, body)

    async def ask(self, *tools):
        """Ask with these tools; returns the text, or the calls as pairs of name and arguments."""
        function = [{"name": name, "parameters": {"type": "object", "properties": {}}} for name in tools]
        body = {
            "model": "m",
            "messages": [{"role": "user", "content": "go"}],
            "tools": [{"type": "function", "function": each} for each in function],
        }
        if not tools:
            del body["tools"]
        answer = await self.post(json.dumps(body).encode())
        assert answer.status == 200, answer
        message = json.loads(answer.body)["choices"][0]["message"]
        calls = [each["function"] for each in message.get("tool_calls") or []]
        return [(each["name"], json.loads(each["arguments"])) for each in calls] or message["content"]


async def test_the_turns_are_played_in_order_and_then_the_model_is_done():
    talk = Talk(call("echo", text="a"), together(call("echo", text="b"), call_with("add", {"a-b": 1})), say("well"))
    tools = ("s_echo", "s_add")
    assert await talk.ask(*tools) == [("s_echo", {"text": "a"})]
    assert await talk.ask(*tools) == [("s_echo", {"text": "b"}), ("s_add", {"a-b": 1})]
    assert [await talk.ask(*tools) for _ in range(3)] == ["well", "done", "done"]
    assert [each.names for each in talk.trace.model] == [("s_echo",), ("s_echo", "s_add"), (), (), ()]
    assert [each.call_ids for each in talk.trace.model[:2]] == [("call_0_0_0",), ("call_0_1_0", "call_0_1_1")]
    assert not talk.conversation.missing


async def test_a_tool_that_is_not_offered_ends_the_script_with_a_note():
    talk = Talk(together(call("echo"), call("gone", on="srv")), call("echo"), say("never said"))
    assert await talk.ask("echo") == "I cannot go on: srv/gone was not offered."
    assert await talk.ask("echo") == "done"
    assert talk.conversation.missing == ["srv/gone"]
    assert talk.trace.model[0].note == "srv/gone was not offered"
    assert talk.trace.model[0].names == ()


async def test_a_literal_call_is_made_although_nobody_offered_the_tool():
    talk = Talk(call_unknown("no_such_tool", x=1))
    assert await talk.ask("echo") == [("no_such_tool", {"x": 1})]
    assert not talk.conversation.missing


async def test_a_side_call_without_tools_does_not_use_up_a_turn():
    talk = Talk(call("echo", text="a"), say("well"))
    assert [await talk.ask(), await talk.ask()] == ["done", "done"]
    assert await talk.ask("echo") == [("echo", {"text": "a"})]
    assert await talk.ask() == "well"
    assert [each.note for each in talk.trace.model] == ["offered no tools; the script waits"] * 2 + ["", ""]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_fault_uses_up_a_turn_and_then_the_script_goes_on(status):
    talk = Talk(fault(status), call("echo", text="a"), say("well"))
    refused = await talk.post(b'{"model": "m", "messages": [{"role": "user", "content": "go"}]}')
    assert refused.status == status
    assert json.loads(refused.body)["error"]["message"]
    assert await talk.ask("echo") == [("echo", {"text": "a"})]
    assert await talk.ask("echo") == "well"
    assert talk.trace.model[0].reply.fault.status == status


async def test_a_malformed_answer_uses_up_a_turn_too():
    talk = Talk(fault(malformed=True), say("well"))
    broken = await talk.post(b'{"model": "m", "messages": [{"role": "user", "content": "go"}]}')
    assert broken.status == 200
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(broken.body)
    assert await talk.ask() == "well"


async def test_a_turn_is_held_behind_its_gate_and_says_that_it_was_reached():
    gate, reached = Gate(), Gate()
    talk = Talk(say("through").behind(gate).announcing(reached), say("next"))
    held = asyncio.ensure_future(talk.ask())
    await asyncio.wait_for(reached.wait(), HANG)
    assert not held.done()
    assert len(talk.trace.model) == 1  # it has been asked, and is only not answered
    assert await talk.ask() == "next"
    assert not held.done()
    gate.open()
    assert await asyncio.wait_for(held, HANG) == "through"


async def test_a_gate_is_opened_from_any_thread_and_survives_those_who_gave_up():
    gate = Gate()
    gave_up, waiting = (asyncio.ensure_future(gate.wait()) for _ in range(2))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gave_up, 0)
    opener = threading.Thread(target=gate.open)
    opener.start()
    opener.join()
    await asyncio.wait_for(waiting, HANG)
    gate.open()
    await asyncio.wait_for(gate.wait(), HANG)


async def test_two_conversations_at_once_keep_apart():
    gate = Gate()
    one = Talk(call("echo", text="1").behind(gate), say("of one"), run=1)
    two = Talk(call("echo", text="2"), say("of two"), run=2)
    held = asyncio.ensure_future(one.ask("echo"))
    assert await two.ask("echo") == [("echo", {"text": "2"})]
    gate.open()
    assert await held == [("echo", {"text": "1"})]
    assert await asyncio.gather(one.ask(), two.ask()) == ["of one", "of two"]
    assert [each.run for each in one.trace.model] == [1, 1]
    assert two.trace.model[0].call_ids == ("call_2_0_0",)


@pytest.mark.parametrize(
    "body", [b"no json", b"[1]", b'"text"', b"\xff", b'{"model": "m"}', b'{"model": "m", "messages": 1}', b""]
)
async def test_a_malformed_request_is_refused_and_noted_and_uses_up_no_turn(body):
    talk = Talk(say("well"))
    answer = await talk.post(body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["message"]
    assert len(talk.trace.notes) == 1
    assert talk.trace.notes[0].kind is NoteKind.MODEL_REQUEST
    assert "the agent's request to its model is" in talk.trace.notes[0].text
    assert await talk.ask() == "well"


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/files", "/v1/files/file-1/content", "/v1/batches"])
async def test_a_path_that_the_scripted_model_does_not_answer_is_our_own_fault(path):
    talk = Talk(say("well"))
    answer = await talk.post(b"no json", f"{path}?key=secret")
    assert answer.status == 404
    text = f"the agent asked its provider for {path}, which the scripted model does not answer"
    assert talk.trace.notes == [Note(NoteKind.LAB_FAULT, text)]
    assert await talk.ask() == "well"


async def test_a_side_request_is_answered_and_uses_up_no_turn():
    talk = Talk(say("well"))
    assert json.loads((await talk.post(b"", "/v1/models")).body)["object"] == "list"
    assert await talk.ask() == "well"
    assert len(talk.trace.model) == 1
    assert not talk.trace.notes


def test_a_script_tells_a_live_model_what_to_do():
    script = Script((call("echo", text="ü"), together(call("a", on="s"), call("b")), say("well")))
    assert script.prompt().splitlines() == [
        'Call the tool `echo` with the arguments {"text": "ü"}.',
        "Call these tools together, in one turn:",
        "- the tool `a` of the server `s` with the arguments {}",
        "- the tool `b` with the arguments {}",
        "Then answer with what the tools returned, word for word.",
    ]
