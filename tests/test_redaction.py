"""No secret leaves a run, and no noise comes into a reason."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from matrix.redaction import (
    MASK,
    REASON_LIMIT,
    Pieces,
    all_printable,
    hide,
    one_sentence,
    printable,
    printable_json,
    redact,
)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "x-goog-api-key",
        "api_key",
        "apiKey",
        "X-Auth-Token",
        "client_secret",
        "password",
        "private-key",
        "OPENAI_API_KEY",
        "DISCORD_BOT_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "DB_PASSWD",
    ],
)
def test_what_is_called_like_a_secret_is_masked(name: str) -> None:
    assert redact({name: "hunter2", "kept": "hunter3"}) == {name: MASK, "kept": "hunter3"}
    assert redact({"env": [{name: ["hunter2"]}]}) == {"env": [{name: [MASK]}]}


@pytest.mark.parametrize("name", ["token", "max_tokens", "Content-Type", "Mcp-Session-Id", "key", "author", "HOME"])
def test_what_only_resembles_a_secret_is_kept(name: str) -> None:
    assert redact({name: "value"}) == {name: "value"}


def test_an_empty_secret_is_seen_to_be_empty() -> None:
    assert redact({"OPENAI_API_KEY": ""}) == {"OPENAI_API_KEY": ""}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-123_~+/=", f"Authorization: {MASK}"),
        ("BEARER abcdefgh!", f"{MASK}!"),
        ("Basic dXNlcjpwYXNz was sent", f"{MASK} was sent"),
        ("the key sk-proj-abcdef123456 is wrong", f"the key {MASK} is wrong"),
        ("a bearer of news", "a bearer of news"),
        ("task-12345678 is done", "task-12345678 is done"),
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(text: str, masked: str) -> None:
    assert redact({"frames": [{"text": text}]}) == {"frames": [{"text": masked}]}
    assert one_sentence(text) == masked


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", {"a": [1, {"b": None}]}])
def test_everything_else_stays_as_it_is(value: Any) -> None:
    assert redact(value) == value


def test_tuples_become_lists_as_in_json() -> None:
    assert redact((1, ("a",))) == [1, ["a"]]


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("cannot connect to 127.0.0.1:43817", "cannot connect to 127.0.0.1:PORT"),
        ("http://localhost:8080/mcp/c12-a1b2c3 refused", "http://localhost:PORT/mcp/CELL refused"),
        ("http://[::1]:8080/sse/c3-zz", "http://[::1]:PORT/sse/CELL"),
        ("<Session object at 0x7f3a2b1c9d80>", "<Session object at 0x…>"),
        ("no such file: /tmp/pytest-1/matrix-lab-a8f3/cell-7/x.json", "no such file: /LAB/x.json"),
        ("cwd is /var/tmp/matrix-lab-a8f3/home-1", "cwd is /LAB"),
        ("process pid 4711 and pid=12", "process pid N and pid N"),
        ("session 0123456789abcdef0123456789abcdef", "session ID"),
        ("request 123e4567-e89b-12d3-a456-426614174000 lost", "request ID lost"),
        ("  two\n\tlines \r\n of it ", "two lines of it"),
        ("revision 2025-11-25 over http", "revision 2025-11-25 over http"),
        ("the server saw 0x10 of 300 s", "the server saw 0x10 of 300 s"),
    ],
)
def test_reasons_have_nothing_that_differs_from_run_to_run(text: str, quiet: str) -> None:
    assert one_sentence(text) == quiet


def test_a_long_reason_is_cut_with_a_mark() -> None:
    assert one_sentence("x" * REASON_LIMIT) == "x" * REASON_LIMIT
    assert one_sentence("x" * (REASON_LIMIT + 1)) == "x" * (REASON_LIMIT - 1) + "…"
    assert one_sentence("a word " * 100, limit=10) == "a word a…"


SECRET = "pä\"ss'w/ord 1234"


@pytest.mark.parametrize(
    "spelled",
    [SECRET, json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False), repr(SECRET), quote(SECRET, safe="")],
)
def test_a_known_secret_is_hidden_however_it_was_escaped(spelled: str) -> None:
    hidden = hide({"a": [f"before {spelled} after"], f"key {spelled}": 1}, [SECRET])
    assert MASK in hidden["a"][0]
    assert "ord" not in str(hidden)


def test_a_secret_in_another_is_hidden_with_it_and_one_too_short_stays() -> None:
    assert hide("Bearer abcdefgh, abcd, abc", ["abcd", "Bearer abcdefgh", "abc"]) == f"{MASK}, {MASK}, abc"


def test_what_a_cut_has_left_of_a_secret_is_hidden() -> None:
    secret = "0123456789abcdefghij"
    cuts = {
        "it said 0123456789a": f"it said {MASK}",
        "it said '0123456789a', which": f"it said '{MASK}', which",
        "it said 0123456789a…": f"it said {MASK}…",
        "defghij, it said": "defghij, it said",
        "bcdefghij, it said": f"{MASK}, it said",
        "…cdefghij and 01234567 words": f"…{MASK} and 01234567 words",
    }
    assert {text: hide(text, [secret]) for text in cuts} == cuts


@pytest.mark.parametrize(
    "spelled",
    [
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        quote(quote(SECRET, safe=""), safe=""),
        json.dumps(json.dumps({"a": SECRET})),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f'{{"k": "{SECRET}"}}'.encode()).decode(),
    ],
    ids=["path", "form", "lower", "percent-twice", "json-in-json", "base64", "base64-of-basic", "base64url-of-json"],
)
def test_a_known_secret_is_hidden_in_encodings_of_encodings(spelled: str) -> None:
    hidden = hide(f"before {spelled} after", [SECRET])
    assert MASK in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert len(hidden) < len(spelled) + 14


def test_a_secret_that_arrived_in_pieces_is_masked_in_each_of_them() -> None:
    chunks = Pieces(("with gh", "p_0123456789abcdef", "ABCD and ", "more"))
    assert redact(chunks).texts == (f"with {MASK}", MASK, f"{MASK} and ", "more")
    assert hide(Pieces(("my hun", "ter2sec", "ret.")), ["hunter2secret"]).texts == (f"my {MASK}", MASK, f"{MASK}.")


def test_a_private_key_over_many_lines_is_masked_in_all_of_them() -> None:
    lines = (
        "key:",
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "Zm9v",
        "-----END PRIVATE KEY-----",
        "ok",
    )
    assert redact(Pieces(lines, "\n")).texts == ("key:", MASK, MASK, MASK, MASK, "ok")


def test_entries_that_name_their_value_and_words_of_commands_are_masked() -> None:
    assert redact([{"name": "API_KEY", "value": "abc"}]) == [{"name": "API_KEY", "value": MASK}]
    assert redact({"argv": ["x", "--api-key", "abc", "--port", "80"]}) == {
        "argv": ["x", "--api-key", MASK, "--port", "80"]
    }
    assert redact({"password": 123456, "max_tokens": 100}) == {"password": MASK, "max_tokens": 100}


def test_two_keys_that_become_one_mask_are_both_kept() -> None:
    assert redact({"sk-abcdef123456": 1, "sk-abcdef123457": 2}) == {MASK: 1, f"{MASK} (1)": 2}


def test_in_a_text_of_one_line_also_what_does_not_show_is_spelled_out() -> None:
    assert printable("two\nlines\u00a0\u200b \x1b]0;title\x07", inline=True) == (
        r"two\nlines\xa0\u200b \x1b]0;title\x07"
    )


def test_json_is_printable_and_loses_nothing() -> None:
    value = {"shown": ["漢字 \udcff", "\x1b[31m\x9b\x7f\u202e", "a\nb\tc"], "\x07": 1}
    text = printable_json(value)
    assert json.loads(text) == value
    assert printable(text) == text
    assert "漢字" in text


def test_every_text_of_a_structure_is_made_printable() -> None:
    assert all_printable({"\x07": ["\ud800", ("a", 1, None)]}) == {r"\x07": [r"\ud800", ("a", 1, None)]}


def test_what_controls_a_terminal_or_is_no_character_is_spelled_out() -> None:
    assert printable("\x1b[31mred\x00\r\n\ttab \ud800 \u202eabc \x9b é 漢") == (
        "\\x1b[31mred\\x00\\r\n\ttab \\ud800 \\u202eabc \\x9b é 漢"
    )
    assert one_sentence("an \x1b[2J and \udfff") == "an \\x1b[2J and \\udfff"


def test_a_text_is_masked_as_often_as_it_comes() -> None:
    secret = "xoxb-1234567890-abcdefghij"
    assert [redact(secret), redact([secret, {secret: secret}]), redact(secret)] == [MASK, [MASK, {MASK: MASK}], MASK]
    assert redact({"plain": "tea"}) == redact({"plain": "tea"})
