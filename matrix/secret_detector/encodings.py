"""How a text may be written on its way: escapes undone with their places kept, and the spellings of a known text."""

from __future__ import annotations

import base64
import binascii
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

Span = tuple[int, int]
"""Where something stands in a text: its first character, and the one after its last."""

_PERCENT = re.compile(r"(?:%[2-7][0-9A-Fa-f])+")
_ESCAPED = re.compile(r"""(?:\\u00[2-7][0-9A-Fa-f])+|(?:\\["'\\/])+|(?:\\[nrt])+""")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}+={0,2}")
_PROBE = 64
"""So many characters tell whether base64 holds a text; a multiple of four."""
_LEAST_BASE64 = 8
"""Fewer characters of base64 stand in other base64 by chance."""


@dataclass
class Unescaped:
    """A text with its escapes undone, and where each part of it stands in the original.

    From `starts[i]` on, a character of `text` is `widths[i]` characters of the original, beginning at `origins[i]`.
    """

    text: str = ""
    starts: list[int] = field(default_factory=list[int])
    origins: list[int] = field(default_factory=list[int])
    widths: list[int] = field(default_factory=list[int])

    def place(self, span: Span) -> Span:
        """Return where a span of the text stands in the original."""
        return self._origin(span[0]), self._origin(span[1])

    def _origin(self, at: int) -> int:
        part = bisect_right(self.starts, at) - 1
        return self.origins[part] + (at - self.starts[part]) * self.widths[part]


def without_percents(text: str) -> Unescaped | None:
    """Undo percent encoding of printable ASCII characters; None where there is none."""
    return _undone(text, "%", _PERCENT, lambda found: (bytes.fromhex(found.replace("%", "")).decode("ascii"), 3))


def without_backslashes(text: str) -> Unescaped | None:
    """Undo the escapes that JSON and Python write into a string; None where there are none."""

    def plain(found: str) -> tuple[str, int]:
        if found[1] == "u":
            return bytes.fromhex(found.replace("\\u00", "")).decode("ascii"), 6
        return "".join(_CONTROLS.get(each, each) for each in found[1::2]), 2

    return _undone(text, "\\", _ESCAPED, plain)


def _undone(
    text: str, sign: str, pattern: re.Pattern[str], plain: Callable[[str], tuple[str, int]]
) -> Unescaped | None:
    if sign not in text:
        return None
    made, parts, after, length = Unescaped(), list[str](), 0, 0
    for found in pattern.finditer(text):
        decoded, width = plain(found[0])
        between = found.start() - after
        made.starts += (length, length + between)
        made.origins += (after, found.start())
        made.widths += (1, width)
        parts += (text[after : found.start()], decoded)
        length, after = length + between + len(decoded), found.end()
    if not parts:
        return None
    made.starts.append(length)
    made.origins.append(after)
    made.widths.append(1)
    made.text = "".join((*parts, text[after:]))
    return made


def base64_texts(text: str) -> Iterator[tuple[Span, str]]:
    """Yield each stretch of base64 that is a text, with that text."""
    for found in _BASE64.finditer(text):
        probed = from_base64(found[0][:_PROBE], errors="ignore") is not None
        if probed and (inner := from_base64(found[0])) is not None:
            yield found.span(), inner


def from_base64(text: str, *, errors: str = "strict") -> str | None:
    """Return the printable text that base64 of either alphabet, padded or not, stands for; None where it is none."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        found = base64.b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8", errors)
    except (binascii.Error, UnicodeDecodeError):
        return None
    return found if found.isprintable() or "".join(found.split()).isprintable() else None


def spellings(text: str) -> set[str]:
    """Return how a text may come to be written: as it is, in JSON (also within a string), in Python, a URL, base64."""
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    in_string = {json.dumps(each)[1:-1] for each in in_json}
    spelled_out = text.encode("utf-8", "backslashreplace").decode("utf-8")
    in_url = {way(spelled_out, safe=safe) for way in (quote, quote_plus) for safe in ("", "/")}
    lower = {re.sub("%..", lambda found: found[0].lower(), each) for each in in_url}
    twice = {quote(each, safe="") for each in in_url}
    return {text, spelled_out, repr(text)[1:-1], *in_json, *in_string, *in_url, *lower, *twice, *_in_base64(text)}


def _in_base64(text: str) -> Iterator[str]:
    """Yield what is always there where base64 holds a text, whatever stands before and after it."""
    data = text.encode("utf-8", "backslashreplace")
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode("ascii")
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for each in (whole[first:last], whole.rstrip("=")[first:]):
            if len(each) >= _LEAST_BASE64:
                yield each
                yield each.replace("+", "-").replace("/", "_")
