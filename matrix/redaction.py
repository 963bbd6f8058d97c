"""Secrets and noise are taken out of everything that leaves a run: evidence, reasons, logs; what is left is printable.

What looks like a secret is decided in `matrix.secret_detector`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from matrix.secret_detector import (
    MASK,
    UNCERTAIN,
    change_words,
    is_secret_name,
    joined,
    mask_text,
    replaced,
    spans,
)
from matrix.secret_detector.encodings import Span, spellings

LEAST_SECRET = 4
REASON_LIMIT = 4000
_SHORT, _REMEMBERED = 2_000, 1_024
"""So many texts of no more than so many characters are remembered with what masking made of them."""
_CUT = 8
"""What is left of a secret that was cut is masked from so many characters on."""
LAB_FOLDER = "matrix-lab-"
"""What the name of a lab's temporary folder begins with: reasons do not tell such paths."""
_LAB = re.compile(r"/matrix-lab-[\w-]+(?:/(?:cell|home)-[\w-]+)?")


def _without_lab(found: re.Match[str]) -> str:
    """Return a path without the folder of this run's lab, and without what that lies in."""
    path = found[0]
    lab = _LAB.match(path, max(0, path.rfind("/matrix-lab-")))
    return path if lab is None else f"/LAB{path[lab.end() :]}"


_NOISE: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(\b127\.0\.0\.1|\blocalhost|\[::1\]):\d+"), r"\1:PORT"),
    (re.compile(r"/(mcp|sse|model)/c\d+-[\w-]+"), r"/\1/CELL"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x…"),
    (re.compile(r"(?:/[\w.+-]++)++"), _without_lab),
    (re.compile(r"(/LAB/lab\.sock\W+)c\d+-\d+\b"), r"\1CELL"),
    (re.compile(r"\bpid[ =:]+\d+"), "pid N"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls but tab and line feed, marks that turn the direction of writing, line separators, halves of surrogates."""


@dataclass(frozen=True)
class Pieces:
    """A text that arrived in pieces, with `between` where they meet: a secret may begin in one and end in another."""

    texts: tuple[str, ...]
    between: str = ""


def printable(text: str, *, inline: bool = False) -> str:
    r"""Return a text that any terminal, file and log can take: what controls one, or is no character, is spelled out.

    An escape becomes `\x1b`, half of a surrogate pair `\ud800`; line feeds and tabs stay. `inline` is for a text that
    has one line alone, and shows all it has: white space other than a blank, and what has no width, is spelled out too.
    """
    if inline:
        return "".join(each if each.isprintable() else _spelled_out(each) for each in text)
    return text if text.isprintable() else _UNPRINTABLE.sub(lambda found: _spelled_out(found[0]), text)


def _spelled_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def all_printable(value: Any) -> Any:
    """Return the same structure with every text in it, keys too, as `printable` makes it."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {all_printable(key): all_printable(each) for key, each in entries.items()}
    if isinstance(value, list | tuple):
        items = (all_printable(each) for each in cast("Sequence[Any]", value))
        return tuple(items) if isinstance(value, tuple) else list(items)
    return value


def printable_json(value: Any) -> str:
    """Return a value's JSON, on several lines, which loses nothing: what is not printable is escaped as JSON does."""
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair, which JSON can, is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def redact(value: Any, *, name: str = "") -> Any:
    """Return the same structure with secrets masked: by the name they have, or by the way they look."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        named = _entry_name(entries)
        return _renamed(
            (_masked(str(key)), redact(each, name=named if named and key == "value" else str(key)))
            for key, each in entries.items()
        )
    if isinstance(value, list | tuple):
        items = [redact(each, name=name) for each in cast("Sequence[Any]", value)]
        return list(change_words(items, lambda _number, _text: MASK))
    if isinstance(value, Pieces):
        return _in_pieces(value, spans)
    if isinstance(value, str):
        return MASK if value and _is_named_secret(name) else _masked(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_named_secret(name):
        return MASK
    return value


def _masked(text: str) -> str:
    """Return a text with its secrets masked; the words of requests and schemas come again and again."""
    return _masked_before(text) if len(text) <= _SHORT else _masked_now(text)


def _masked_now(text: str) -> str:
    return mask_text(encodable(text))


_masked_before = functools.lru_cache(_REMEMBERED)(_masked_now)


def _renamed(entries: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return a mapping; where two keys have become one mask, neither entry is lost."""
    made: dict[Any, Any] = {}
    masked = 0
    for key, each in entries:
        if key in made:
            masked += 1
        made[f"{key} ({masked})" if key in made else key] = each
    return made


def _is_named_secret(name: str) -> bool:
    return name.lower() not in UNCERTAIN and is_secret_name(name)


def _entry_name(entries: Mapping[str, Any]) -> str:
    """Return what names the value of an entry such as `{"name": "API_KEY", "value": …}`."""
    named = entries.get("name", entries.get("key")) if "value" in entries else None
    return named if isinstance(named, str) else ""


def _in_pieces(pieces: Pieces, find: Callable[[str], Sequence[Span]]) -> Pieces:
    """Return the pieces with what is found in the whole text masked, in each piece its part of that."""
    found, made, start, first = find(pieces.between.join(pieces.texts)), list[str](), 0, 0
    for text in pieces.texts:
        end = start + len(text)
        while first < len(found) and found[first][1] <= start:
            first += 1
        last = first
        while last < len(found) and found[last][0] < end:
            last += 1
        inner = [(max(each[0], start) - start, min(each[1], end) - start) for each in found[first:last]]
        made.append(replaced(text, inner))
        start = end + len(pieces.between)
    return replace(pieces, texts=tuple(made))


def hide(value: Any, secrets: Iterable[str]) -> Any:
    """Return the same structure without these secrets, however they were escaped, and without what a cut left of them.

    A secret of fewer than four characters stays: it could not be told from any other text.
    """
    return _hidden(value, _all_spellings(secrets))


def _all_spellings(secrets: Iterable[str]) -> list[str]:
    return sorted({each for secret in secrets if len(secret) >= LEAST_SECRET for each in spellings(secret)})


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        return replaced(value, _hidden_spans(value, secrets))
    if isinstance(value, Pieces):
        return _in_pieces(value, lambda text: _hidden_spans(text, secrets))
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return _renamed((_hidden(key, secrets), _hidden(each, secrets)) for key, each in entries.items())
    if isinstance(value, list | tuple):
        return [_hidden(each, secrets) for each in cast("Sequence[Any]", value)]
    return value


def _hidden_spans(text: str, secrets: Sequence[str]) -> list[Span]:
    reverse = text[::-1]
    found: list[Span] = []
    for each in secrets:
        found += _occurrences(text, each)
        if len(each) > _CUT:
            found += _beginnings(text, each)
            found += ((len(text) - end, len(text) - start) for start, end in _beginnings(reverse, each[::-1]))
    return joined(found)


def _occurrences(text: str, secret: str) -> Iterator[Span]:
    at = text.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = text.find(secret, at + len(secret))


def _beginnings(text: str, secret: str) -> Iterator[Span]:
    """Yield the beginning of a secret where the rest of it was cut off: before the text's end, a quote, an ellipsis."""
    at = text.find(secret[:_CUT])
    while at >= 0:
        end = at + _CUT
        while end < len(text) and end - at < len(secret) and text[end] == secret[end - at]:
            end += 1
        if end == len(text) or text[end] in "…'\"":
            yield at, end
        at = text.find(secret[:_CUT], end)


def one_sentence(text: str, limit: int = REASON_LIMIT) -> str:
    """Return a reason without secrets, line breaks, ports, addresses and ids: the same from run to run.

    It is whole, up to a length that nobody reads; reports cut it where they have a table.
    """
    text = printable(" ".join(mask_text(text).split()))
    for pattern, replacement in _NOISE:
        text = pattern.sub(replacement, text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
