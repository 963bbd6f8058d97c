"""A model that is asked to judge finds nothing wrong, in whatever words it is asked."""

from __future__ import annotations

import pytest

from matrix.lab.model.harmless import a_word, speaks_ill
from matrix.lab.model.schema_instance import instance_of

BOOLEAN = {"type": "boolean"}


def judged(name, schema):
    return instance_of({"type": "object", "properties": {name: schema}, "required": [name]})[name]


@pytest.mark.parametrize(
    "name", ["is_harmful", "flagged", "offTopic", "is_off_topic", "tripwire_triggered", "not_safe"]
)
def test_a_boolean_of_something_ill_is_false(name):
    assert judged(name, BOOLEAN) is False


@pytest.mark.parametrize("name", ["passes", "is_safe", "allowed", "not_harmful", "on_topic", "needs_tools"])
def test_any_other_boolean_is_true(name):
    assert judged(name, BOOLEAN) is True


def test_an_enum_is_what_is_not_ill_in_it():
    assert judged("verdict", {"enum": ["BLOCK", "ALLOW"]}) == "ALLOW"
    assert judged("verdict", {"enum": ["unsafe", "violation"]}) == "unsafe"


def test_a_score_is_as_high_as_it_goes_unless_it_is_of_something_ill():
    bounds = {"type": "integer", "minimum": 1, "maximum": 5}
    assert judged("quality_score", bounds) == 5
    assert judged("risk_score", bounds) == 1
    assert judged("steps", bounds) == 1


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Answer SAFE or UNSAFE.", "SAFE"),
        ("Reply with 'block' or 'allow'.", "allow"),
        ("Is this request harmful? Answer YES or NO.", "NO"),
        ("Can it be answered? Say YES or NO.", "YES"),
        ("Give this conversation a title. NEVER use quotes.", None),
        ("Is it JSON? Then say so.", None),
    ],
)
def test_of_the_words_that_are_offered_it_is_the_one_that_says_all_is_well(question, word):
    assert a_word(question) == word


def test_a_negation_turns_the_meaning():
    assert speaks_ill("harmful")
    assert not speaks_ill("not_harmful")
    assert speaks_ill("not_safe")
