"""What looks like a secret: one definition for evidence, reasons, logs and the config store.

A secret is known by its form (`forms`), by the name of what holds it (`names`), or by its place: in a
URL, after an option. Each is found as well where it is percent-encoded, escaped as in JSON, or within base64. Every
search costs in proportion to the text's length, whatever the text is (`tests/test_linear_patterns.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from matrix.secret_detector.encodings import Span, base64_texts, without_backslashes, without_percents
from matrix.secret_detector.forms import forms
from matrix.secret_detector.names import UNCERTAIN, is_secret_name
from matrix.secret_detector.places import (
    MASK,
    REFERENCE,
    after_names,
    after_options,
    in_parameters,
    in_urls,
    is_reference,
)

__all__ = [
    "MASK",
    "REFERENCE",
    "UNCERTAIN",
    "Change",
    "change_forms",
    "change_url",
    "change_words",
    "is_reference",
    "is_secret_name",
    "is_secret_setting",
    "joined",
    "looks_secret",
    "mask_text",
    "replaced",
    "spans",
]

Change = Callable[[str], str]

_LAYERS = 2
"""Encodings of encodings that are looked into."""
_LEAST = 4
"""A text of fewer characters holds no secret that could be told."""

_HARMLESS = re.compile(
    r"(?i:true|false|yes|no|on|off|none|null|auto|default|debug|info|warn|warning|error|critical|trace"
    r"|development|production|staging|test|local|utf-?8|en|pt|de|[a-z]{2}[-_][a-z]{2}(?:\.utf-?8)?"
    r"|stdio|http|sse|json|text|application/json|\*/\*)"
    r"|-?\d{1,12}(?:\.\d{1,6})?|"
)
_PATH = re.compile(r"(?:~|\.{1,2})?(?:/[\w.@+ -]{1,64})+/?")
_PLAIN_URL = re.compile(r"https?://[^\s@?]+")
_SCHEME_ALONE = re.compile(r"(?i)bearer|basic|token")
_RANDOM = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
_WHITE = re.compile(r"\s+")
_OPTION = re.compile(r"(?P<name>--?[\w.-]+)(?:=(?P<value>.*))?", re.DOTALL)


def spans(text: str, layers: int = _LAYERS) -> list[Span]:
    """Return where a text of unknown content has secrets, in order and apart; encodings of them are looked into."""
    if len(text) < _LEAST:
        return []
    found = [*forms(text), *in_urls(text), *in_parameters(text), *after_names(text), *after_options(text)]
    if layers:
        for view in (without_percents(text), without_backslashes(text)):
            if view is not None:
                found += map(view.place, spans(view.text, layers - 1))
        found += (place for place, inner in base64_texts(text) if spans(inner, layers - 1))
    return joined(found)


def joined(found: Iterable[Span]) -> list[Span]:
    """Return spans in order, with those that meet made one."""
    made: list[Span] = []
    for start, end in sorted(found):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return made


def replaced(text: str, found: Sequence[Span], change: Change = lambda _: MASK) -> str:
    """Return a text with these spans, in order and apart, changed."""
    parts, at = list[str](), 0
    for start, end in found:
        parts += (text[at:start], change(text[start:end]))
        at = end
    return "".join((*parts, text[at:])) if parts else text


def mask_text(text: str) -> str:
    """Return a text of unknown content with what looks like a secret masked."""
    return replaced(text, spans(text))


def looks_secret(text: str) -> bool:
    """Whether a text has a secret of a known form, or a URL with one, in clear: what it is called does not count."""
    return any(True for way in (forms, in_urls, in_parameters) for _ in way(text))


def change_url(text: str, change: Change) -> str | None:
    """Change the secrets of a text that has URLs with secrets, each in its place; None without such a URL."""
    found = [*in_urls(text), *in_parameters(text)]
    return replaced(text, joined([*found, *forms(text)]), change) if found else None


def change_forms(text: str, change: Change) -> str:
    """Change the secrets of known forms in a text."""
    return replaced(text, joined(forms(text)), change)


def change_words(words: Sequence[object], change: Callable[[int, str], str]) -> Iterator[object]:
    """Yield a command's words, secrets changed: what follows `--api-key` or its `=`, URLs' and known forms.

    `change` is told which word it is, and what of it is the secret.
    """
    expected = False
    for number, word in enumerate(words):
        if not isinstance(word, str):
            yield word
            continue

        def changed(text: str, number: int = number) -> str:
            return change(number, text)

        option = _OPTION.fullmatch(word)
        if expected and option is None and not is_reference(word):
            yield changed(word)
            expected = False
            continue
        named = option is not None and is_secret_name(option["name"])
        expected = named and option is not None and option["value"] is None
        if named and option is not None and option["value"] and not is_reference(option["value"]):
            yield f"{option['name']}={changed(option['value'])}"
        elif (address := change_url(word, changed)) is not None:
            yield address
        else:
            yield change_forms(word, changed)


def is_secret_setting(name: str, value: str, *, suspicious: bool) -> bool:
    """Whether a variable or header of this name has a secret in clear; with `suspicious`, whatever might be one."""
    literal = REFERENCE.sub("", value).strip()
    if not literal or _HARMLESS.fullmatch(literal) or (value != literal and _SCHEME_ALONE.fullmatch(literal)):
        return False
    if is_secret_name(name):
        return True
    if _PATH.fullmatch(literal):
        return False
    return _has_random_word(literal) or (suspicious and not _PLAIN_URL.fullmatch(literal))


def _has_random_word(text: str) -> bool:
    """Whether a text has so many characters together as are only in keys, letters and digits among the word's."""
    return any(
        _RANDOM.search(word) and any(map(str.isdigit, word)) and re.search("[A-Za-z]", word)
        for word in _WHITE.split(text)
    )
