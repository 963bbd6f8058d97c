"""Programs that run what their arguments say: their own options, up to the file, module or package that they run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matrix.configs.rules.decoding import decoded
from matrix.configs.rules.model import Interpreter, Policy, Violation, among
from matrix.secret_detector import REFERENCE

_REGISTERED = {
    "npm": re.compile(r"(?i)(?P<name>(?:@[a-z0-9~-][\w.~-]*/)?[a-z0-9~][\w.~-]*)(?:@[\w.^~+-]*)?"),
    "pypi": re.compile(r"(?i)(?P<name>[a-z0-9][\w.-]*)(?:\[[\w.,-]*\])?(?:(?:@|[=~!<>]=|[<>])[\w.+!-]*)?"),
}
"""Packages that come from the registry, whole; a path, a URL or a repository is none."""


def check_interpreter(program: str, arguments: Sequence[str], policy: Policy, first: int = 1) -> Iterator[Violation]:
    """Check the options that are the interpreter's own, and what it runs; what comes after is the server's business."""
    for rules in policy.interpreters.values():
        if among(program, rules.programs):
            yield from _check(rules, arguments, policy, first)


@dataclass(frozen=True)
class _Given:
    """An option as it is given: its place, its value's, and the place after it; `name` is None if it is not allowed."""

    place: int
    name: str | None
    value: str | None
    after: int


def _check(rules: Interpreter, arguments: Sequence[str], policy: Policy, first: int) -> Iterator[Violation]:
    given = list(_options(rules, arguments))
    for each in given:
        yield from _judge(rules, each, arguments[each.place], first)
    if given and (given[-1].name is None or given[-1].name in rules.last):
        return
    place = given[-1].after if given else 0
    place += arguments[place : place + 1] == ["--"]
    if place < len(arguments):
        yield from _operand(rules, arguments, policy, first, place)
    elif rules.operand == "file":
        yield Violation("interpreter-option", "command", "names nothing to run, and would run what it is sent")


def _options(rules: Interpreter, arguments: Sequence[str]) -> Iterator[_Given]:
    """Yield the options before the operand; the one that is not allowed, or whose value is what is run, is the last."""
    place = 0
    while place < len(arguments) and arguments[place].startswith("-") and arguments[place] != "--":
        option = _option(arguments[place], rules)
        if option is None:
            yield _Given(place, None, None, place + 1)
            return
        name, value = option
        separate = value is None and name in rules.valued
        if separate:
            value = arguments[place + 1] if place + 1 < len(arguments) else ""
        yield _Given(place, name, value, place + 1 + separate)
        if name in rules.last:
            return
        place += 1 + separate


def _judge(rules: Interpreter, given: _Given, word: str, first: int) -> Iterator[Violation]:
    at, value = first + given.after - 1, given.value
    if given.name is None:
        shown = word.partition("=")[0][:32] if word.startswith("--") else word[:2]
        message = (
            f"gives the interpreter the option {shown!r}, which is not among those under interpreters in the policy"
        )
        yield Violation("interpreter-option", "command", message, at)
    elif value is None:
        return
    elif given.name in rules.last:
        if among(value, rules.refused, ignore_case=True):
            yield Violation("interpreter-runs", "command", "runs a module that only exists to run something else", at)
    elif given.name in rules.packages:
        yield from _package(rules, value, at)
    elif value.startswith("-") or "/" in decoded(value):
        yield Violation(
            "interpreter-option", "command", f"gives the option {given.name!r} another option, or a path", at
        )


def _operand(
    rules: Interpreter, arguments: Sequence[str], policy: Policy, first: int, place: int
) -> Iterator[Violation]:
    """Check what is run: a package of the registry, or a command of the one that an option named."""
    operand, at = arguments[place], first + place
    if rules.operand == "file":
        return
    yield from _package(rules, operand, at)
    found = _REGISTERED[rules.operand].fullmatch(operand)
    runs = rules.runs.get(found["name"]) if found else None
    if runs is not None and runs in policy.interpreters:
        yield from _check(policy.interpreters[runs], arguments[place + 1 :], policy, first + place + 1)


def _package(rules: Interpreter, spec: str, at: int) -> Iterator[Violation]:
    kind = "npm" if rules.operand == "npm" else "pypi"
    plain = REFERENCE.sub("0", spec)
    found = _REGISTERED[kind].fullmatch(plain)
    if found is None or spec.startswith("${") or decoded(plain) != plain:
        yield Violation(
            "package-source", "command", f"is no package of the {kind} registry; name one, with its version", at
        )
    elif among(found["name"], rules.refused, ignore_case=True):
        yield Violation("interpreter-runs", "command", "runs a package that only exists to run something else", at)


def _option(word: str, rules: Interpreter) -> tuple[str, str | None] | None:
    """Return an option and the value that it carries; None if it is not allowed. `-Bm` is `-B` and `-m`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        allowed = name in rules.valued or (name in rules.flags and not equals)
        return (name, value if equals else None) if allowed else None
    if word in rules.flags or word in rules.valued:
        return word, None
    for place, letter in enumerate(word[1:], 2):
        if f"-{letter}" in rules.valued:
            return f"-{letter}", word[place:] or None
        if f"-{letter}" not in rules.flags:
            return None
    return (word, None) if len(word) > 1 else None
