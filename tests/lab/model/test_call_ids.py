"""An agent may keep calls under ids of its own: they are known again by what was called."""

from __future__ import annotations

from matrix.lab.model.call_ids import under_our_ids
from matrix.lab.model.protocols.base import ModelRequest
from matrix.lab.records import ReplyCall, ShownResult

MADE = (ReplyCall("call_0_0_0", "echo", {"text": "a"}), ReplyCall("call_0_0_1", "echo", {"text": "b"}))


def request(*asked):
    results = tuple(ShownResult(each.call_id, f"result of {each.arguments}") for each in asked)
    return ModelRequest("m", "", "", (), results, stream=False, asked=asked)


def ids(asked):
    found = under_our_ids(request(*asked), MADE)
    assert [each.call_id for each in found.results] == [each.call_id for each in found.asked]
    return [each.call_id for each in found.asked]


def test_ids_of_its_own_are_told_by_name_and_arguments_in_whatever_order():
    assert ids([ReplyCall("x", "echo", {"text": "b"}), ReplyCall("y", "echo", {"text": "a"})]) == [
        "call_0_0_1",
        "call_0_0_0",
    ]


def test_where_the_arguments_were_changed_the_order_decides():
    assert ids([ReplyCall("x", "echo", {}), ReplyCall("y", "echo", {"text": None})]) == ["call_0_0_0", "call_0_0_1"]


def test_our_own_ids_stay_even_where_results_were_swapped():
    swapped = [ReplyCall("call_0_0_1", "echo", {"text": "a"}), ReplyCall("call_0_0_0", "echo", {"text": "b"})]
    assert ids(swapped) == ["call_0_0_1", "call_0_0_0"]


def test_a_call_of_an_older_conversation_keeps_its_id():
    assert ids([ReplyCall("old", "other", {}), ReplyCall("call_0_0_0", "echo", {"text": "a"})]) == ["old", "call_0_0_0"]
