"""A text as whoever reads it last may see it: every encoding undone, references filled in, cut into components."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

from matrix.secret_detector import REFERENCE

_ESCAPE = re.compile(r"(?i)[%\\]u([0-9a-f]{4})|\\x([0-9a-f]{2})|\\u\{([0-9a-f]{1,5})\}")
_PERCENT = re.compile(r"(?i)(?:%[0-9a-f]{2})+")
_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("\u2044\u2215\u29f8\u2571\u27cb\u3033", "/"),
        **dict.fromkeys("\u2216\u29f5\u29f9\u2572", "\\"),
        **dict.fromkeys("\u3002\u0701\u0702\ua4f8\ua60e\u06d4\u22c5\u00b7", "."),
    }
)
_BOUNDARY = re.compile(r"[/\\\s\x00-\x1f=:,;@'\"?#&|()\[\]{}<>]+")
_DOTS = re.compile(r"(?:-{1,2}\w*)?\.{2,}")
_ENCODED = set("%\\&")
"""Characters without one of which no ASCII text is an encoding of another."""
_ROUNDS = 16
"""More layers of different encodings than anybody undoes; many of one are undone at once."""
_LAYERS = re.compile(r"(?i)(%)(?:25)+(?=[0-9a-f]{2})|(&)(?:amp;)+")
_LEADING_ZEROS = re.compile(r"&#0++(?=[0-9])")
_NO_CHARACTER = re.compile(r"&#[0-9]{8,}+")
_MOST_MARKS = 30
"""Combining characters in a row that any language has a use for (Unicode, annex 15): more cost the square to order."""


def decoded(text: str) -> str:
    """Return a text with percent, Unicode and HTML encodings undone, again and again until nothing changes.

    Overlong UTF-8 is read as what it stands for, look-alikes of dots and slashes become those, and characters without
    any width go.
    """
    if text.isascii() and text.isprintable() and not _ENCODED & set(text):
        return text
    for _ in range(_ROUNDS):
        before = text
        text = _LAYERS.sub(lambda found: found[1] or found[2], text)
        text = _NO_CHARACTER.sub("&#1114112", _LEADING_ZEROS.sub("&#", text))
        text = _ESCAPE.sub(_character, html.unescape(text))
        text = _PERCENT.sub(lambda found: _lenient(bytes.fromhex(found[0].replace("%", ""))), text)
        text = unicodedata.normalize("NFKC", _stream_safe(text)).translate(_LOOK_ALIKES)
        text = "".join(char for char in text if unicodedata.category(char) not in {"Cf", "Mn", "Me"})
        if text == before:
            break
    return text


def _stream_safe(text: str) -> str:
    """Return a text without the combining characters that make too long a row."""
    if text.isascii():
        return text
    kept, marks = list[str](), 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def views(text: str) -> Iterator[str]:
    """Yield a text as it stands with its references filled in by their defaults, and what stands in the references."""
    yield REFERENCE.sub(_default, text)
    for found in REFERENCE.finditer(text):
        yield found[0][2:-1]


def climbs(text: str) -> bool:
    """Whether any component of a text is `..`, in whatever encoding; `1..2` is none."""
    return any(_DOTS.fullmatch(part) for view in views(text) for part in _BOUNDARY.split(decoded(view)))


def has_control(text: str, *, encoded: bool = True) -> bool:
    """Whether a text has a control character or a line break; unless told otherwise, in whatever encoding."""
    seen = text + decoded(text) if encoded else text
    return any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in seen)


def _default(found: re.Match[str]) -> str:
    return found[0][2:-1].partition(":-")[2]


def _character(found: re.Match[str]) -> str:
    return _of_code(int(found[1] or found[2] or found[3], 16))


def _lenient(data: bytes) -> str:
    """Decode UTF-8 as careless decoders do: an overlong sequence is the character that it spells."""
    made: list[str] = []
    place = 0
    while place < len(data):
        lead = data[place]
        more = 0 if lead < 0xC0 else 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3 if lead < 0xF8 else 0
        tail = data[place + 1 : place + 1 + more]
        if len(tail) < more or any(byte & 0xC0 != 0x80 for byte in tail):
            more, tail = 0, b""
        code = lead & (0xFF if not more else 0x3F >> more)
        for byte in tail:
            code = code << 6 | byte & 0x3F
        made.append(_of_code(code))
        place += 1 + more
    return "".join(made)


def _of_code(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
