"""What looks like a secret is found, however it is written; what only resembles one is left readable."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest

from matrix.secret_detector import MASK, is_secret_name, looks_secret, mask_text, spans

DATA = Path(__file__).parent / "data"
MARKED = re.compile("⟦(.*)⟧")
"""In `secret_lines.txt` the secret of each line stands in such brackets."""
SECRETS = (DATA / "secret_lines.txt").read_text(encoding="utf-8").splitlines()
HARMLESS = (DATA / "harmless_lines.txt").read_text(encoding="utf-8").splitlines()
FORMS = [found[1] for line in SECRETS[:98:2] if (found := MARKED.search(line))]


def test_the_corpora_are_large_enough_to_say_something() -> None:
    assert len(set(SECRETS)) >= 150
    assert len(set(HARMLESS)) >= 150


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_masked(line: str) -> None:
    found = MARKED.search(line)
    assert found is not None
    assert found[1] not in mask_text(MARKED.sub(r"\1", line))


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_harmless_stays_as_it_is(line: str) -> None:
    assert mask_text(line) == line


@pytest.mark.parametrize("line", SECRETS)
def test_what_is_masked_stays_so(line: str) -> None:
    once = mask_text(MARKED.sub(r"\1", line))
    assert mask_text(once) == once


@pytest.mark.parametrize("secret", FORMS)
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: json.dumps({"said": f"with {text}\nand more"}),
        lambda text: json.dumps(json.dumps({"said": text})),
        lambda text: quote(f"a={text} b", safe=""),
        lambda text: quote(quote(f"a={text} b", safe=""), safe=""),
        lambda text: f"body {base64.b64encode(f'it was {text} here'.encode()).decode()} end",
        lambda text: f"body {base64.urlsafe_b64encode(f'it was {text} here'.encode()).decode().rstrip('=')} end",
        lambda text: repr({"said": f"\n{text}\n"}),
    ],
    ids=["json", "json-in-json", "percent", "percent-twice", "base64", "base64url", "repr"],
)
def test_a_known_form_is_masked_in_every_encoding(secret: str, encode) -> None:
    written = encode(secret)
    masked = mask_text(written)
    assert MASK in masked
    assert secret not in masked
    assert not looks_secret(masked)


def test_what_stands_around_a_secret_stays() -> None:
    assert mask_text("GET https://me:pass1@h.example/a?token=abc&page=2 failed") == (
        f"GET https://me:{MASK}@h.example/a?token={MASK}&page=2 failed"
    )
    assert mask_text('{"api_key": "x1", "n": 1}') == f'{{"api_key": "{MASK}", "n": 1}}'
    assert mask_text("run --api-key k1 --port 80") == f"run --api-key {MASK} --port 80"
    assert mask_text("u=https%3A%2F%2Fa%3Asecret1%40h%2Fx") == f"u=https%3A%2F%2Fa%3A{MASK}%40h%2Fx"
    assert mask_text(r"{\"password\": \"a1\", \"n\": 1}") == rf"{{\"password\": \"{MASK}\", \"n\": 1}}"


def test_spans_are_in_order_and_apart() -> None:
    text = "api_key=sk-abcdef123456 and Bearer abcdef1234 at https://a:b@h?key=1234"
    found = spans(text)
    assert found == sorted(found)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert len(found) == 4


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "apiKey", "X-Auth-Token", "DB_PASSWORD", "clientSecret", "sentry_dsn"]
)
def test_names_say_what_is_secret(name: str) -> None:
    assert is_secret_name(name)
    assert is_secret_name("x" * 100_000 + name[0].upper() + name[1:])


@pytest.mark.parametrize(
    "name", ["progressToken", "next_page_token", "max_tokens", "token_endpoint", "primary_key", "tokenizer", "author"]
)
def test_names_that_resemble_those_of_secrets_are_none(name: str) -> None:
    assert not is_secret_name(name)
