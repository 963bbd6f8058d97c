"""Secrets and noise are taken out of everything that leaves a run: evidence, reasons, logs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

MASK = "•••"
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


def one_sentence(text: str, limit: int = 240) -> str:
    """Return a reason without secrets, line breaks, ports, addresses and ids: the same from run to run."""
    text = " ".join(_SECRET_VALUE.sub(MASK, encodable(text)).split())
    for pattern, replacement in _NOISE:
        text = pattern.sub(replacement, text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
