"""What arrived is compared as JSON with its types, and what was shown to the letter."""

from __future__ import annotations

import json

import pytest

from matrix.capabilities.exact import differences, misshown, text_change

TEXT = "  two  words\n\n\tand a line \n"


@pytest.mark.parametrize(
    ("sent", "arrived", "told"),
    [
        (7, 7.0, "`x` arrived as 7.0, not 7"),
        (7.0, 7, "`x` arrived as 7, not 7.0"),
        (False, 0, "`x` arrived as 0, not false"),
        (1, True, "`x` arrived as true, not 1"),
        (-0.0, 0.0, "`x` arrived as 0.0, not -0.0"),
        (2**53 + 1, 2**53, "`x` arrived as 9007199254740992, not 9007199254740993"),
        (None, "", '`x` arrived as "", not null'),
        ([1, 2], [1], "`x` arrived with 1 items, not 2"),
        ([[1, 2]], [[1, 2.0]], "`x[0][1]` arrived as 2.0, not 2"),
        ({"y": {"z": "a"}}, {"y": {}}, "`x.y.z` is missing"),
        ({"y": 1}, {"y": 1, "z": None}, "`x.z` was added: null"),
        ({}, [], "`x` arrived as [], not {}"),
        ("a", "a\n", '`x` arrived with "\\n" added at its end'),
    ],
)
def test_each_difference_is_told_with_its_place(sent: object, arrived: object, told: str) -> None:
    assert differences({"x": sent}, {"x": arrived}) == [told]
    assert differences({"x": sent}, {"x": sent}) == []


def test_what_is_missing_is_not_null() -> None:
    assert differences({"x": None}, {}) == ["`x` is missing"]
    assert differences({}, {"x": None}) == ["`x` was added: null"]


def test_the_order_of_keys_says_nothing() -> None:
    assert differences({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}) == []


@pytest.mark.parametrize(
    ("sent", "arrived", "told"),
    [
        ("ab", "b", 'without "a" at its beginning'),
        ("ab", "a", 'without "b" at its end'),
        ("abc", "axc", 'with "x" in place of "b" after 1 characters'),
        ("e\u0301", "\u00e9", 'with "\\u00e9" in place of "e\\u0301" at its beginning'),
        ("  a  b ", "a b", "with its white space changed"),
        ("aa", "a", 'without "a" at its end'),
    ],
)
def test_a_text_says_how_it_was_changed(sent: str, arrived: str, told: str) -> None:
    assert text_change(sent, arrived) == told


@pytest.mark.parametrize(
    "result",
    [
        TEXT,
        f"<result>{TEXT}</result>",
        f"Wall time: 0.1 s\nOutput:\n{TEXT}",
        json.dumps(TEXT),
        json.dumps({"type": "text", "text": TEXT, "annotations": None}),
        json.dumps([{"type": "text", "text": TEXT}], indent=2),
        json.dumps({"output": json.dumps({"text": TEXT})}),
        f"The tool returned {json.dumps({'text': TEXT})} in all.",
    ],
)
def test_a_text_may_stand_plain_or_in_json_within_what_the_agent_puts_around_it(result: str) -> None:
    assert misshown(result, TEXT) is None


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (TEXT.strip(), "with its white space changed"),
        (" ".join(TEXT.split()), "with its white space changed"),
        (TEXT.rstrip(), 'without " \\n" at its end'),
        (f"type='text' text={TEXT!r} annotations=None", "type='text' text='…' annotations=None instead of the text"),
        (f"TextContent(text={TEXT}, type=text)", "TextContent(text=…, type=text) instead of the text"),
        (f"{{type: 'text', text: '{TEXT}'}}", "{type: 'text', text: '…'} instead of the text"),
        (f"{TEXT}{TEXT}", "the text 2 times"),
        ("[object Object]", '"[object Object]" instead of the text'),
        ("", '"" instead of the text'),
    ],
)
def test_anything_else_is_told(result: str, told: str) -> None:
    assert told in (misshown(result, TEXT) or "")


def test_a_text_with_quotes_and_escapes_is_found_in_json_too() -> None:
    text = 'a "quoted" \\u0000 \u2028 text'
    assert misshown(text, text) is None
    assert misshown(json.dumps({"text": text}), text) is None
    assert misshown(json.dumps({"text": text}, ensure_ascii=False), text) is None
