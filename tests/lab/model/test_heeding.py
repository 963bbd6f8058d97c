"""The scripted model heeds what a request asks of its answer, in every protocol, streamed or not."""

from __future__ import annotations

import json
from dataclasses import replace

import anthropic
import openai
import pytest
from google import genai
from jsonschema import Draft202012Validator

from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.script import at_once, call, call_unknown, say, together
from tests.lab.model.asking import Question, Said, Tool, ask

pytestmark = pytest.mark.anyio

EVERY_WAY = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
EVERY_PROTOCOL = pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
WITH_SERIAL = pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"google"}))
REFUSALS = (openai.BadRequestError, anthropic.BadRequestError, genai.errors.ClientError)

ECHO = Tool(
    "srv_echo",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "Say it. [mcp:srv/echo]",
)
ADD = Tool("srv_add", description="Add. [mcp:srv/add]")
FINISH = Tool(
    "finish", {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}, "End it."
)
PLAN = Tool("plan", {"type": "object", "properties": {"steps": {"type": "integer"}}, "required": ["steps"]}, "Plan.")
TOOLS = (PLAN, ECHO, ADD, FINISH)
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "grade": {"type": ["integer", "null"]}},
    "required": ["answer", "grade"],
    "additionalProperties": False,
}


class Talk:
    """A conversation by one provider's SDK, on loopback."""

    def __init__(self, lab, conversation, protocol, streamed):
        self.conversation = conversation
        self._lab, self._protocol, self._streamed = lab, protocol, streamed

    async def ask(self, *tools, **options) -> Said:
        question = Question(tools, streamed=self._streamed, **options)
        return await ask(self._protocol, self._lab.model_url(self.conversation), question)


@pytest.fixture
def talk(lab, converse):
    """Return a function that begins a conversation."""
    return lambda protocol, streamed, *turns: Talk(lab, converse(*turns), protocol, streamed)


@EVERY_PROTOCOL
@EVERY_WAY
async def test_where_no_call_is_allowed_a_text_comes_and_the_turn_is_kept(talk, protocol, streamed):
    talking = talk(protocol, streamed, call("echo", text="a"))
    said = await talking.ask(*TOOLS, choice="none")
    assert (said.text, said.calls) == ("done", [])
    assert (await talking.ask(*TOOLS)).calls == [("srv_echo", {"text": "a"})]
    assert talking.conversation.trace.model[0].note == "the agent lets its model call no tool; the script waits"


@EVERY_PROTOCOL
@EVERY_WAY
async def test_where_a_call_is_demanded_the_last_one_is_of_the_agents_own_tool_that_ends(talk, protocol, streamed):
    talking = talk(protocol, streamed, call("echo", text="a"))
    assert (await talking.ask(*TOOLS, choice="required")).calls == [("srv_echo", {"text": "a"})]
    said = await talking.ask(*TOOLS, choice="required")
    assert said.calls == [("finish", {"answer": "done"})]
    assert said.text is None
    assert talking.conversation.trace.model[1].names == ("finish",)


@EVERY_PROTOCOL
@EVERY_WAY
async def test_a_forced_tool_is_called_and_the_turn_is_kept(talk, protocol, streamed):
    talking = talk(protocol, streamed, call("echo", text="a"))
    assert (await talking.ask(*TOOLS, choice="plan")).calls == [("plan", {"steps": 0})]
    assert (await talking.ask(*TOOLS, choice="srv_add")).calls == [("srv_add", {})]
    assert (await talking.ask(*TOOLS, choice="srv_echo")).calls == [("srv_echo", {"text": "a"})]
    assert (await talking.ask(*TOOLS)).text == "done"
    ids = [call_id for each in talking.conversation.trace.model for call_id in each.call_ids]
    assert len(set(ids)) == len(ids) == 3


@WITH_SERIAL
@EVERY_WAY
async def test_calls_come_one_a_turn_where_the_agent_asks_for_that(talk, protocol, streamed):
    talking = talk(protocol, streamed, together(call("echo", text="a"), call("add"), call("echo", text="b")))
    asked = [await talking.ask(*TOOLS, parallel=False) for _ in range(4)]
    assert [each.calls for each in asked] == [
        [("srv_echo", {"text": "a"})],
        [("srv_add", {})],
        [("srv_echo", {"text": "b"})],
        [],
    ]
    assert not talking.conversation.serial


@WITH_SERIAL
async def test_calls_that_have_to_be_in_flight_at_once_are_not_made_one_by_one(talk, protocol):
    talking = talk(protocol, False, at_once(call("echo", text="a"), call("add")), say("never said"))
    said = await talking.ask(*TOOLS, parallel=False)
    assert (said.text, said.calls) == ("I cannot go on: the agent asks its model for one call at a time.", [])
    assert talking.conversation.serial


async def test_calls_at_once_are_made_where_nothing_speaks_against_it(talk):
    talking = talk("openai-chat", False, at_once(call("echo", text="a"), call("add")))
    assert len((await talking.ask(*TOOLS)).calls) == 2
    assert not talking.conversation.serial


@EVERY_PROTOCOL
@EVERY_WAY
async def test_a_text_is_an_instance_of_the_response_schema_and_calls_come_as_ever(talk, protocol, streamed):
    talking = talk(protocol, streamed, call("echo", text="a"), say("well"))
    assert (await talking.ask(ECHO, schema=SCHEMA)).calls == [("srv_echo", {"text": "a"})]
    answers = [json.loads((await talking.ask(ECHO, schema=SCHEMA)).text) for _ in range(2)]
    Draft202012Validator(SCHEMA).validate(answers[0])
    assert answers == [{"answer": "well", "grade": None}, {"answer": "done", "grade": None}]


@EVERY_PROTOCOL
async def test_a_side_call_with_a_response_schema_gets_an_instance_too(talk, protocol):
    talking = talk(protocol, False, call("echo", text="a"))
    assert json.loads((await talking.ask(schema=SCHEMA)).text) == {"answer": "done", "grade": None}


@EVERY_PROTOCOL
async def test_a_call_for_a_strict_schema_has_null_for_what_the_script_leaves_out(talk, protocol):
    strict = Tool(
        "srv_echo",
        {
            "type": "object",
            "properties": {"text": {"type": "string"}, "times": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "required": ["text", "times"],
            "additionalProperties": False,
        },
        "[mcp:srv/echo]",
    )
    talking = talk(protocol, False, call("echo", text="a"))
    assert (await talking.ask(strict)).calls == [("srv_echo", {"text": "a", "times": None})]


@pytest.mark.parametrize(
    ("protocol", "shortened", "stopped"),
    [
        ("openai-chat", "length", "stop"),
        ("openai-responses", "incomplete", None),
        ("anthropic", "max_tokens", "stop_sequence"),
        ("google", "MAX_TOKENS", "STOP"),
    ],
)
@EVERY_WAY
async def test_a_text_ends_where_its_limits_say(talk, protocol, streamed, shortened, stopped):
    long = "one two three. " * 10
    talking = talk(protocol, streamed, say(long), say(long))
    assert await talking.ask(max_tokens=16) == Said(long[:64], [], shortened)
    if stopped is not None:
        assert await talking.ask(stop=("three", "four")) == Said("one two ", [], stopped)


@EVERY_PROTOCOL
async def test_calls_are_never_cut(talk, protocol):
    talking = talk(protocol, False, call("echo", text="a" * 999))
    assert (await talking.ask(*TOOLS, max_tokens=16)).calls == [("srv_echo", {"text": "a" * 999})]


async def test_an_unknown_tool_is_called_although_a_call_is_demanded(talk):
    talking = talk("openai-chat", False, call_unknown("nobody", x=1))
    assert (await talking.ask(*TOOLS, choice="required")).calls == [("nobody", {"x": 1})]


async def test_a_text_is_all_there_is_where_a_call_is_demanded_and_every_tool_is_a_servers(talk):
    talking = talk("openai-chat", False, say("well"))
    assert (await talking.ask(ECHO, ADD, choice="required")).text == "well"
    note = talking.conversation.trace.model[0].note
    assert note == "the agent demands a call, and has no tool of its own to be called"


async def test_a_tool_that_ends_is_tried_where_the_text_did_not_end_the_run(talk):
    talking = talk("openai-chat", False)
    assert (await talking.ask(*TOOLS)).text == "done"
    assert (await talking.ask(*TOOLS)).calls == [("finish", {"answer": "done"})]
    assert (await talking.ask(PLAN, ECHO)).text == "done"


@pytest.mark.parametrize(
    ("protocol", "question", "says"),
    [
        ("openai-chat", Question((ECHO,), choice="gone"), "not found in 'tools'"),
        ("openai-responses", Question((ECHO,), choice="gone"), "not found in 'tools'"),
        ("anthropic", Question((ECHO,), choice="gone"), "Tool 'gone' not found in provided tools"),
        ("openai-chat", Question(max_tokens=0), "Expected a value >= 1, but got 0 instead"),
        ("anthropic", Question(max_tokens=0), "greater than or equal to 1"),
        ("openai-chat", Question(stop=tuple("abcde")), "maximum length 4"),
    ],
)
@EVERY_WAY
async def test_what_a_provider_refuses_is_refused_in_its_words(lab, converse, protocol, question, says, streamed):
    conversation = converse(say("never said"))
    with pytest.raises(REFUSALS, match=says):
        await ask(protocol, lab.model_url(conversation), replace(question, streamed=streamed))
    assert not conversation.trace.model
    assert len(conversation.trace.notes) == 1
