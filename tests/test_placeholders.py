"""Placeholders are filled in where they are meant, and braces that are not stay what they are."""

from __future__ import annotations

import json

import pytest

from matrix.placeholders import fill, placeholders, unknown_placeholder

VALUES = {"home": "/home/run", "model_name": "gpt", "prompt": "what time is it?"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{home}/x", "/home/run/x"),
        ("{{home}}/x", "{home}/x"),
        ("{{{home}}}", "{{home}}"),
        ("${home} ${{home}} ${HOME:-x}", "${home} ${{home}} ${HOME:-x}"),
        ('{"a": 1, "b": {"c": []}}', '{"a": 1, "b": {"c": []}}'),
        ('{"model":"{model_name}"}', '{"model":"gpt"}'),
        ("{ model: {model_name}}", "{ model: gpt}"),
        (r"[0-9]{3} {} {0} {a,b} {a b}", r"[0-9]{3} {} {0} {a,b} {a b}"),
        ("{version}", "{version}"),
        ("{{ home }}", "{{ home }}"),
    ],
)
def test_a_name_in_braces_is_filled_in_and_every_other_brace_stays(text: str, filled: str) -> None:
    assert fill(text, VALUES) == filled


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    assert fill("{prompt}", {"prompt": "{home} {{home}} ${home}", "home": "/"}) == "{home} {{home}} ${home}"


def test_nested_values_are_filled_in_and_their_keys_are_not() -> None:
    assert fill({"{home}": ["{home}", 3, {"a": ("{home}",)}]}, VALUES) == {
        "{home}": ["/home/run", 3, {"a": ["/home/run"]}]
    }


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"mcp": {"url": "{home}", "n": 1, "deep": {"list": [{}, {"x": None}]}}}, indent=2),
        json.dumps({"mcp": {"url": "{home}", "deep": {"list": [{}]}}}, separators=(",", ":")),
        "# .env\nKEY=${API_KEY}\nPATH=${HOME}/bin:$PATH\nURL={home}\n",
        '[tool]\nversion = "1"\ninline = { a = 1, b = { c = 2 } }\n',
        "steps: [{name: a, run: {home}/x}]\nmatrix: {os: [linux, mac]}\nsecret: ${{ secrets.TOKEN }}\n",
        "function f() { return {a: 1}; }\nconst g = (x) => ({ ...x });\nconst url = `${base}/v1`;\n",
        "Hello {{ name }}, you have {% if n %}{{ n }}{% endif %} messages.\n",
        "server { listen 80; location / { return 200; } }\n",
    ],
)
def test_files_as_programs_have_them_use_known_placeholders_only(text: str) -> None:
    assert unknown_placeholder(text, tuple(VALUES)) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{hom}",
            "the unknown placeholder {hom} (the nearest is {home}); this place knows {home}, {model_name}",
        ),
        ("{HOME}", "the unknown placeholder {HOME}; this place knows"),
        ("awk '{print}'", "write {{print}} for the text"),
        ('{"a": "{modelname}"}', "the unknown placeholder {modelname} (the nearest is {model_name})"),
    ],
)
def test_an_unknown_placeholder_is_told_with_the_nearest_and_how_to_write_the_text(text: str, told: str) -> None:
    assert told in (unknown_placeholder({"x": [text]}, tuple(VALUES)) or "")


def test_text_in_double_braces_and_of_the_shell_is_no_placeholder() -> None:
    assert placeholders(["{{print}} ${HOME} ${{x}} {a b}", {"k": "{home}"}]) == {"home"}


@pytest.mark.parametrize("piece", ["{", "{a", "${", "${a", "{{a", "{{{", "$"])
def test_filling_in_costs_no_more_than_the_length_of_the_text(piece: str) -> None:
    text = piece * 200_000  # quadratic would be minutes
    assert len(fill(text, VALUES)) == len(text)
