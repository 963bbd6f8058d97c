"""A file's text as one value: JSON, JSON with comments and trailing commas, JSON5, or TOML; no key twice."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import json5

from matrix.errors import ConfigurationError
from matrix.json_access import mapping, sequence

MAX_FILE = 64 * 1024 * 1024
"""Bytes of a file that is read at all."""
MAX_JSON5 = 64 * 1024
"""Characters of a file whose unquoted keys and single quotes are understood: that parser is a slow one."""
MAX_DEPTH = 100
"""Levels of a file as a whole."""

_STRING = r'"(?:\\.|[^"\\])*+"?'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*(?:(?!\*/).)*+(?:\*/)?", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
_JSON5_ERROR = re.compile(r"(?s)<string>:(\d+) (.*)")


class _KeyTwice(Exception):
    """An object that has a key twice: readers would differ about which one counts."""


def load(file: Path) -> str:
    """Return a file's text. Raises ConfigurationError: not there, too large, or no text."""
    try:
        if file.exists() and not file.is_file():
            raise ConfigurationError(file, None, "is no file; name a file that holds MCP servers")
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(file, None, f"cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(file, None, f"is larger than {MAX_FILE // 1024 // 1024} MiB; split it")
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ConfigurationError(file, None, "is no UTF-8 text; save it as UTF-8") from None


def parse(text: str, file: Path | str) -> Any:
    """Return what a text says; TOML if the file is called so. Raises ConfigurationError: which line, and what."""
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ConfigurationError(file, None, "is empty; write the servers there, as JSON")
    try:
        value = tomllib.loads(text) if str(file).lower().endswith(".toml") else _json(text, file)
        return _shallow(value)
    except _KeyTwice as twice:
        raise ConfigurationError(file, None, f"has the key {str(twice)[:64]!r} twice in one object; keep one") from None
    except RecursionError:
        raise ConfigurationError(file, None, "nests too deeply to be read; no server needs that") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(file, None, f"is no valid TOML: {error}") from None
    except ValueError:
        raise ConfigurationError(file, None, "has a number of too many digits; shorten it") from None


def _shallow(value: Any) -> Any:
    """Return a value that nests no deeper than code that walks it may go. Raises RecursionError."""
    pending: list[tuple[int, object]] = [(0, value)]
    while pending:
        level, each = pending.pop()
        if level > MAX_DEPTH:
            raise RecursionError
        pending += [(level + 1, inner) for inner in (*mapping(each).values(), *sequence(each))]
    return value


def _json(text: str, file: Path | str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        plain = _TRAILING_COMMA.sub(_blank, _COMMENT.sub(_blank, text))
    try:
        return json.loads(plain, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        problem, line = error.msg, error.lineno
    if len(text) <= MAX_JSON5:
        try:
            return json5.loads(text, object_pairs_hook=_once)
        except ValueError as error:
            found = _JSON5_ERROR.match(str(error))
            line, problem = (int(found[1]), found[2]) if found else (line, problem)
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in problem)
    raise ConfigurationError(file, line, f"is no valid JSON: {shown[:1].lower()}{shown[1:]}")


def _blank(found: re.Match[str]) -> str:
    """Keep a string; put spaces in place of anything else, so that lines stay where they are."""
    return found[1] or re.sub(r"[^\n]", " ", found[0])


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise _KeyTwice(key)
        made[key] = value
    return made
