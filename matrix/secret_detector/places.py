"""Secrets that are known by their place in a text: in a URL, after the name that they go by, after an option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from matrix.secret_detector.encodings import Span
from matrix.secret_detector.names import UNCERTAIN, is_secret_name, is_secret_parameter, words

MASK = "•••"
REFERENCE = re.compile(r"\$\{[^${}]+\}")
"""What only refers to a secret: `${VAR}`, `${env:VAR}`, `${input:id}`, `${sealed:…}`."""

_SCHEME_END = re.compile(r"[A-Za-z0-9]://")
_AUTHORITY = re.compile(r"""[^\s/?#"'<>`]*+""")
_PARAMETER = re.compile(r"""[?&#](?P<name>[^\s=&?#"'<>]{1,256}+)=(?P<value>[^\s&#"'<>`]++)""")
_OPEN_USERS = frozenset({"anonymous", "git", "guest", "postgres", "root", "user"})
"""Users that are named without a password, and are none."""

_PLACEHOLDER_USER = re.compile(r"[A-Z]{1,16}")

_STEMS = sorted(words("auth cookie token secret pass pwd key cred bearer signature dsn connection webhook _pat -pat"))
"""One of these is in every name of a secret; looking for words is much faster than looking for patterns."""
_NAME = re.compile(
    r"""(?<![\w.-])(?P<name>(?:(?i:api|access|secret|private)\x20)?[\w.-]++)(?P<key>["']?)\]?[^\S\r\n]{0,4}+"""
    r"""(?P<sign>=>?|:(?![:/]))(?P<gap>[^\S\r\n]*+)"""
)
_OPTION = re.compile(r"(?<![\w-])--?(?P<name>[A-Za-z][\w.-]*+)\x20{1,4}+(?!-)")
_VALUE = re.compile(
    r""""(?P<double>(?:[^"\\\r\n]|\\.)*+)|'(?P<single>(?:[^'\\\r\n]|\\.)*+)|(?P<bare>[^\s"'`,;&<>(){}\[\]|]++)"""
)
_WHOLE_WORD = re.compile(r"""[^\s"'`<>]++""")
_LINE = re.compile(r"""[^\r\n"']*+""")
_SCHEME = re.compile(r"(?i:bearer|basic|token|digest|apikey|negotiate)(?:\s{1,4}+(?P<value>[^\s\"'`,;<>]++))?")
_SCHEME_WORD = re.compile(r"^(?i:bearer|basic|token)\s+(?=\S)")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*[.:!?]?")
_CALLED = re.compile(r"[A-Za-z_][\w.]*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_.]*")
_PLACEHOLDERS = ("$", "{", "<", "%", MASK)
_SAID = words(
    "absent any bool boolean bytes denied empty error expired failed false given hidden include int integer invalid"
    " masked missing no none null number object on off optional present redacted rejected required revoked set str"
    " string true unauthorized undefined unknown unset wrong yes"
)
"""Words that are said of a secret."""


def is_reference(text: str) -> bool:
    """Whether a text only refers to a secret, is masked, or is blank."""
    return text == MASK or not REFERENCE.sub("", text).strip()


def in_urls(text: str) -> Iterator[Span]:
    """Yield the passwords of URLs; a user without a password is a token."""
    if "://" not in text or "@" not in text:
        return
    for scheme in _SCHEME_END.finditer(text):
        start = scheme.end()
        authority = _AUTHORITY.match(text, start)
        at = -1 if authority is None else text.rfind("@", start, authority.end())
        colon = text.find(":", start, at) if at >= 0 else -1
        if at < 0 or (colon < 0 and (text[start:at] in _OPEN_USERS or _PLACEHOLDER_USER.fullmatch(text, start, at))):
            continue
        place = (start if colon < 0 else colon + 1, at)
        if not is_reference(text[slice(*place)]):
            yield place


def in_parameters(text: str) -> Iterator[Span]:
    """Yield the values of secret parameters in queries and fragments."""
    if "=" not in text or not any(each in text for each in "?&#"):
        return
    for found in _PARAMETER.finditer(text):
        name = unquote(found["name"]).removeprefix("amp;")
        if is_secret_parameter(name) and not is_reference(found["value"]):
            yield found.span("value")


def after_names(text: str) -> Iterator[Span]:
    """Yield what stands after a secret's name: `NAME=value`, `Header: value`, `"key": "value"`."""
    if not _has_stem(text):
        return
    at = 0
    while found := _NAME.search(text, at):
        at = found.end()
        name = found["name"].replace(" ", "_")
        if is_secret_name(name) and (place := _named(text, found, name)) is not None:
            at = place[1]
            yield place


def after_options(text: str) -> Iterator[Span]:
    """Yield what stands after a secret's option: `--api-key value`."""
    if " -" not in text and not text.startswith("-"):
        return
    for found in _OPTION.finditer(text):
        value = _VALUE.match(text, found.end()) if is_secret_name(found["name"]) else None
        if value is None:
            continue
        kind = value.lastgroup or "bare"
        if not _is_open(found["name"], value[kind]) and not (kind == "bare" and _is_prose(text, value)):
            yield value.span(kind)


def _has_stem(text: str) -> bool:
    if "=" not in text and ":" not in text:
        return False
    lower = text.lower()
    return any(stem in lower for stem in _STEMS)


def _named(text: str, found: re.Match[str], name: str) -> Span | None:
    """Return where the secret is that has this name; None where what stands there is none."""
    is_colon, is_key = found["sign"] == ":", bool(found["key"])
    uncertain = name.lower() in UNCERTAIN
    # What can be told from its first character is not read to its end, again and again.
    if text.startswith(_PLACEHOLDERS, found.end()) or (uncertain and (is_colon or is_key)):
        return None
    value, part = _value(text, found, name)
    if value is None or _is_open(name, value[part]):
        return None
    other = part == "bare" and (_is_code(text, value) or (is_colon and _is_prose(text, value)))
    return None if other or (uncertain and not _is_likely(value[part])) else value.span(part)


def _value(text: str, found: re.Match[str], name: str) -> tuple[re.Match[str] | None, str | int]:
    """Return what stands after a name, and which part of it is the value."""
    start, is_colon = found.end(), found["sign"] == ":"
    if is_colon and not found["key"] and name.lower().endswith("cookie"):
        return _LINE.match(text, start), 0
    if scheme := _SCHEME.match(text, start):
        word = scheme["value"] or MASK
        return None if word.startswith(_PLACEHOLDERS) or _WORD.fullmatch(word) else scheme, 0
    if name.isupper() and not is_colon and not found["gap"] and (word := _WHOLE_WORD.match(text, start)):
        return word, 0
    value = _VALUE.match(text, start)
    return value, "bare" if value is None else value.lastgroup or "bare"


def _is_open(name: str, value: str) -> bool:
    """Whether what a secret's name stands before is none: a reference, a word said of it, or an identifier."""
    bare = _SCHEME_WORD.sub("", value.strip()).rstrip(".,;:!?")
    lower, lower_name = bare.lower(), name.lower()
    if is_reference(value) or bare.startswith(_PLACEHOLDERS) or lower in _SAID or lower == lower_name:
        return True
    if lower_name == "pwd" and bare.startswith("/"):  # the working folder, as a shell calls it
        return True
    if len(set(bare)) <= 1 or (bare.isdigit() and len(bare) <= 3):
        return True
    is_identifier = ("." in bare or "_" in bare) and _IDENTIFIER.fullmatch(bare)
    return bool(is_identifier) and is_secret_name(bare.rpartition(".")[2])


def _is_likely(value: str) -> bool:
    return len(value) >= 12 or (len(value) >= 6 and any(map(str.isdigit, value)))


def _is_code(text: str, value: re.Match[str]) -> bool:
    """Whether a name stands there that is called, or looked into: `token = stub.set(…)`."""
    return text[value.end() : value.end() + 1] in {"(", "["} and bool(_CALLED.fullmatch(value[0]))


def _is_prose(text: str, value: re.Match[str]) -> bool:
    """Whether a plain word stands in a sentence that goes on: `password: it must…`."""
    end = value.end()
    goes_on = bool(text[end : end + 2].strip(" ")) and text[end : end + 2] != " -" and text[end : end + 1] not in "\r\n"
    return goes_on and bool(_WORD.fullmatch(value[0]))
