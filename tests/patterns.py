"""Every regular expression of the project, with how it is used, and the words that would cost it most."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import _constants as kinds  # what the library itself parses patterns into
from re import _parser as parser
from typing import Any

import matrix

ROOT = Path(matrix.__file__).parent
_CALLS = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer", "compile"}
_WHOLE = {"fullmatch", "match"}


@dataclass(frozen=True)
class Used:
    """A pattern, where it stands, and whether it is only ever asked about a text from its beginning."""

    where: str
    pattern: re.Pattern[Any]
    anchored: bool

    def read(self, text: str) -> None:
        """Read a text as its users do."""
        subject: Any = text if isinstance(self.pattern.pattern, str) else text.encode("utf-8", "surrogatepass")
        if self.anchored:
            self.pattern.fullmatch(subject)
            self.pattern.match(subject)
        else:
            self.pattern.sub(subject[:0], subject)


def every_pattern() -> list[Used]:
    """Return all patterns: what modules hold, in tuples and dictionaries too, and what calls write out."""
    found = {each.where: each for module in _modules() for each in _held(module)}
    found |= {each.where: each for path in sorted(ROOT.rglob("*.py")) for each in _written_out(path)}
    return sorted(found.values(), key=lambda each: each.where)


def _modules() -> Iterator[Any]:
    for info in pkgutil.walk_packages([str(ROOT)], "matrix."):
        if not info.name.startswith(("matrix.configs.alembic", "matrix.__main__")):
            yield importlib.import_module(info.name)


def _held(module: Any) -> Iterator[Used]:
    for name, value in vars(module).items():
        for place, pattern in _inside(name, value):
            yield Used(f"{module.__name__}.{place}", pattern, _methods().get(name, {"sub"}) <= _WHOLE)


def _inside(place: str, value: Any) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _inside(f"{place}[{key!r}]", each)
    elif isinstance(value, tuple | list | set | frozenset):
        for number, each in enumerate(value):
            yield from _inside(f"{place}[{number}]", each)


@cache
def _methods() -> dict[str, set[str]]:
    """Return what is asked of a pattern of this name, anywhere."""
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in _CALLS:
                base = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                if isinstance(base, ast.Name):
                    found.setdefault(base.id, set()).add(node.attr)
    return found


def _written_out(path: Path) -> Iterator[Used]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=method), args=[ast.Constant(value=str(text)), *_]
            ) if method in _CALLS - {"compile"}:
                yield Used(f"{path.relative_to(ROOT)}:{node.lineno}", re.compile(text, _flags(node)), method in _WHOLE)


def _flags(call: ast.Call) -> re.RegexFlag:
    names = {each.attr for each in ast.walk(call) if isinstance(each, ast.Attribute)}
    flags = re.NOFLAG
    for name in names & {"DOTALL", "IGNORECASE", "MULTILINE"}:
        flags |= re.RegexFlag[name]
    return flags


def hard_words(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Yield texts of this many characters that go on matching, again and again, and then do not."""
    for start, unit in sorted(set(_beginnings(pattern)), key=repr):
        whole = start + unit
        yield (whole * (size // len(whole) + 1))[:size] + "\0"
        yield start + (unit * (size // len(unit) + 1))[:size] + "\0"


def _beginnings(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    for samples in _ways(parser.parse(text, pattern.flags & ~re.UNICODE)):
        for at, unit in enumerate(samples):
            if unit:
                yield "".join(samples[:at]), unit
                yield "", unit


def _ways(parsed: Any) -> list[list[str]]:
    """Return sequences of samples, one a part; each alternative has its own."""
    ways: list[list[str]] = [[]]
    for kind, detail in parsed:
        options = _options(kind, detail)
        ways = [[*way, *option] for way in ways[:12] for option in options[:24]]
    return ways


def _options(kind: Any, detail: Any) -> list[list[str]]:
    match str(kind):
        case "LITERAL":
            return [[chr(detail)]]
        case "NOT_LITERAL" | "ANY":
            return [["b" if detail == ord("a") else "a"]]
        case "IN":
            return [[_member(detail)]]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, _, inner = detail
            made = [["".join(way) * max(1, least)] for way in _ways(inner)] + ([[""]] if least == 0 else [])
        case "SUBPATTERN":
            made = _ways(detail[3])
        case "ATOMIC_GROUP":
            made = _ways(detail)
        case "BRANCH":
            made = [way for each in detail[1] for way in _ways(each)[:2]]
        case _:
            made = [[""]]
    return made


_CANDIDATES = "a0 -./:=_\"'\t\n%\\x{}[]()<>@é\ud800"


def _member(detail: Any) -> str:
    if detail and detail[0][0] is not kinds.NEGATE:
        kind, value = detail[-1] if detail[0][0] is kinds.CATEGORY and len(detail) > 1 else detail[0]
        if kind is kinds.LITERAL:
            return chr(value)
        if kind is kinds.RANGE:
            return chr(value[0])
    return next(each for each in _CANDIDATES if _accepts(detail, each))


def _accepts(detail: Any, char: str) -> bool:
    negated = detail[0][0] is kinds.NEGATE
    categories = {
        kinds.CATEGORY_DIGIT: r"\d", kinds.CATEGORY_NOT_DIGIT: r"\D", kinds.CATEGORY_SPACE: r"\s",
        kinds.CATEGORY_NOT_SPACE: r"\S", kinds.CATEGORY_WORD: r"\w", kinds.CATEGORY_NOT_WORD: r"\W",
    }  # fmt: skip
    for kind, value in detail[negated:]:
        if kind is kinds.LITERAL and char == chr(value):
            return not negated
        if kind is kinds.RANGE and value[0] <= ord(char) <= value[1]:
            return not negated
        if kind is kinds.CATEGORY and re.fullmatch(categories[value], char):
            return not negated
    return negated
