"""Which tool is called where the agent demands a call and the script has none, and which schema a text is held to."""

from __future__ import annotations

import json

import pytest

from matrix.lab.model.heeding import ENOUGH, ends_by_name, one_to_call, worded
from matrix.lab.model.protocols.base import AnswerFormat, Calling, ModelRequest, ToolChoice
from matrix.lab.model.protocols.openai_options import ANY_OBJECT
from matrix.lab.records import OfferedTool, ReplyCall

SCHEMA = {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]}
ASKED_FOR = f"Always respond with a JSON object of this schema:\n\n{json.dumps(SCHEMA)}\n\nNothing else."


def request(*names, asked=(), allowed=None, system="", user="", answer=None):
    offered = tuple(OfferedTool(name, "", {"type": "object"}, {}) for name in names)
    made = tuple(ReplyCall(f"c{number}", name, {}) for number, name in enumerate(asked))
    choice = ToolChoice(Calling.MUST, allowed)
    return ModelRequest("m", system, user, offered, (), False, asked=made, choice=choice, answer=answer)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["plan", "final_result", "finish"], "final_result"),
        (["final_result_Other", "plan", "final_result_Report"], "final_result_Other"),
        (["think", "attempt_completion"], "attempt_completion"),
        (["think", "StructuredOutput"], "StructuredOutput"),
        (["submit_answer", "take_note"], "submit_answer"),
        (["respond", "take_note"], "respond"),
        (["take_note", "think"], "take_note"),
        ([], None),
    ],
)
def test_the_tool_that_is_called_like_an_ending_is_preferred(names, chosen):
    asked = request(*names)
    found = one_to_call(asked, asked.offered, ())
    assert (found and found.name) == chosen


def test_a_tool_that_ended_nothing_makes_room_for_the_others_and_is_not_called_for_ever():
    names, tried = ["finish", "think"], {"finish", "think"}
    called = []
    while (tool := one_to_call(asked := request(*names, asked=called), asked.offered, tried)) is not None:
        called.append(tool.name)
    assert called == ["finish", "think"] * ENOUGH


def test_calls_of_an_earlier_run_do_not_count():
    asked = request("finish", "think", asked=["finish"] * 9)
    assert one_to_call(asked, asked.offered, set()).name == "finish"


def test_only_a_tool_that_may_be_called_now_is():
    asked = request("finish", "a", "b", allowed=frozenset({"a", "b"}))
    assert one_to_call(asked, asked.offered, set()).name == "a"


@pytest.mark.parametrize(("name", "ends"), [("final_result", True), ("done", True), ("undo", False), ("search", False)])
def test_endings_are_told_by_their_name(name, ends):
    assert ends_by_name(OfferedTool(name, "", {}, {})) is ends


@pytest.mark.parametrize(
    "asked",
    [
        request(answer=AnswerFormat(SCHEMA)),
        request(system=ASKED_FOR),
        request(system=ASKED_FOR, answer=AnswerFormat(ANY_OBJECT)),
        request(user=ASKED_FOR, answer=AnswerFormat(ANY_OBJECT)),
    ],
)
def test_a_text_is_held_to_the_schema_of_the_request_or_of_its_instructions(asked):
    assert json.loads(worded(asked, "done")) == {"summary": "done"}


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(user=ASKED_FOR),
        request(system=f"You have this tool: {json.dumps(SCHEMA)}"),
        request(system='Respond in JSON, as {"summary": "…"}, { or {broken'),
        request(answer=AnswerFormat({"enum": []})),
    ],
)
def test_a_text_stays_as_it_is_where_no_schema_is_asked_for(asked):
    assert worded(asked, "done") == "done"


def test_any_json_object_is_one_with_the_text_in_it():
    assert json.loads(worded(request(answer=AnswerFormat(ANY_OBJECT)), "done")) == {"answer": "done"}


def test_a_bare_answer_is_no_json():
    assert worded(request(answer=AnswerFormat({"type": "string", "enum": ["yes", "no"]}, bare=True)), "done") == "yes"
