"""Secrets and noise are taken out of everything that leaves a run: evidence, reasons, logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

MASK = "•••"
LEAST_SECRET = 4
_CUT = 8
"""What is left of a secret that was cut is masked from so many characters on."""
_SECRET_NAME = re.compile(
    r"(?i)(authorization|cookie|\w[-_]token(?!s)|secret|passw|api[-_]?key|credential|private[-_]?key)"
)
_SECRET_VALUE = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}|\bsk-[A-Za-z0-9_-]{8,}")
_NOISE = (
    (re.compile(r"(\b127\.0\.0\.1|\blocalhost|\[::1\]):\d+"), r"\1:PORT"),
    (re.compile(r"/(mcp|sse|model)/c\d+-[\w-]+"), r"/\1/CELL"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x…"),
    (re.compile(r"(?:/[\w.+-]+)*/matrix-lab-[\w-]+(?:/(?:cell|home)-[\w-]+)?"), "/LAB"),
    (re.compile(r"(/LAB/lab\.sock\W+)c\d+-\d+\b"), r"\1CELL"),
    (re.compile(r"\bpid[ =:]+\d+"), "pid N"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
)


def encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: half of a surrogate pair, which JSON can, is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def redact(value: Any, *, name: str = "") -> Any:
    """Return the same structure with secrets masked: by the name they have, or by the way they look."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return {encodable(str(key)): redact(each, name=str(key)) for key, each in entries.items()}
    if isinstance(value, list | tuple):
        return [redact(each, name=name) for each in cast("Sequence[Any]", value)]
    if isinstance(value, str):
        if name and _SECRET_NAME.search(name) and value:
            return MASK
        return _SECRET_VALUE.sub(MASK, encodable(value))
    return value


def hide(value: Any, secrets: Iterable[str]) -> Any:
    """Return the same structure without these secrets, however they were escaped, and without what a cut left of them.

    A secret of fewer than four characters stays: it could not be told from any other text.
    """
    spelled = {spelling for each in secrets if len(each) >= LEAST_SECRET for spelling in _spellings(each)}
    return _hidden(value, sorted(spelled, key=lambda each: (-len(each), each)))


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for each in secrets:
            value = value.replace(each, MASK)
        for each in secrets:
            value = _without_ends(_without_ends(value, each)[::-1], each[::-1])[::-1]
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return {_hidden(key, secrets): _hidden(each, secrets) for key, each in entries.items()}
    if isinstance(value, list | tuple):
        return [_hidden(each, secrets) for each in cast("Sequence[Any]", value)]
    return value


def _spellings(secret: str) -> set[str]:
    """Return how a text may come to be written on its way: as it is, in JSON, in Python, in a URL."""
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, *in_json, repr(secret)[1:-1], quote(secret, safe=""), encodable(secret)}


def _without_ends(text: str, secret: str) -> str:
    """Mask the beginning of a secret where the rest of it was cut off: before the text's end, a quote, an ellipsis."""
    at = text.find(secret[:_CUT]) if len(secret) > _CUT else -1
    while at >= 0:
        end = at
        while end < len(text) and end - at < len(secret) and text[end] == secret[end - at]:
            end += 1
        if end == len(text) or text[end] in "…'\"":
            text, end = text[:at] + MASK + text[end:], at + len(MASK)
        at = text.find(secret[:_CUT], end)
    return text


def one_sentence(text: str, limit: int = 240) -> str:
    """Return a reason without secrets, line breaks, ports, addresses and ids: the same from run to run."""
    text = " ".join(_SECRET_VALUE.sub(MASK, encodable(text)).split())
    for pattern, replacement in _NOISE:
        text = pattern.sub(replacement, text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
