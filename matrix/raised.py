"""What an owner's code raised, said in one line, with the mend where it is one that a registration can bring.

Also the harness says it, in interpreters of all kinds: the standard library alone, Python 3.9 or later.
"""

from __future__ import annotations

import builtins
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from traceback import walk_tb
from typing import Any, cast

_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_ABOUT_VARIABLES = re.compile(r"\benviron|\benv\b", re.IGNORECASE)
_ABOUT_LACK = re.compile(r"\bnot set\b|\bunset\b|\bmissing\b|\brequired?s?\b|\bneeds?\b|\bmust be\b", re.IGNORECASE)
_USUAL = re.compile(
    r"_(?:KEY|TOKEN|SECRET|PASSWORD|URL|URI|DSN|ID|HOST|PORT|ENDPOINT|REGION|PROJECT|VERSION|PATH|DIR)$"
)
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())
"""Of Python 3.11; there is no group before."""


class Told(Exception):
    """What was raised elsewhere, in the words in which it was told there."""


class Explained(Told):
    """What an agent raised, or did, with the mend: the text is the whole sentence, told as it is."""


def exited(problem: SystemExit) -> Explained:
    """Return what is told of code that ends the process that it runs in."""
    return Explained(f"the agent called sys.exit({problem.code!r}); it should raise an exception, or return")


def name_of(problem: BaseException) -> str:
    """Return the name of an exception's class, whatever that makes of being asked for it."""
    return type.__dict__["__name__"].__get__(type(problem))


def text_of(problem: BaseException) -> str:
    """Return the text of an exception; where it has none that can be had, that."""
    try:
        return str(problem)
    except BaseException as worse:  # noqa: BLE001  (it is the agent's)
        return f"its text cannot be told, because that raised {name_of(worse)}"


def is_of(problem: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an exception is of a kind; what it says itself of its class does not count."""
    return issubclass(type(problem), kind)


def told(problem: BaseException) -> str:
    """Return an exception in one line, the first of a group; a variable that it lacks is named with its mend."""
    try:
        return _told(problem)
    except BaseException:  # noqa: BLE001  (it may raise whatever is asked of it)
        return f"{name_of(problem)}: {text_of(problem)}"


def _told(problem: BaseException) -> str:
    first = next(_members(problem))
    if isinstance(first, Told):
        return str(first)
    text = f"{name_of(first)}: {text_of(first)}".rstrip(": ")
    mend = mend_of_missing(problem)
    return f"{text}; {mend}" if mend else text


def mend_of_missing(problem: BaseException) -> str | None:
    """Say how the environment variables come in that an error is about; None where it is about none."""
    names = missing_variables(problem)
    if not names:
        return None
    values = ", ".join(f'{name} = "…"' for name in names)
    return f"give {'it a value' if len(names) == 1 else 'them values'} in `env` of the row: env = {{ {values} }}"


def missing_variables(problem: BaseException) -> tuple[str, ...]:
    """Return the environment variables that an error is about, and that are not set, in the order in which it has them.

    Those are what `os.environ[…]` did not have, the fields without a value of a `pydantic_settings` model, and the
    names in a sentence that says of variables that they are missing.
    """
    for each in _chain(problem):
        names = (_looked_up(each), _settings(each), _named(each))
        if found := next(filter(None, names), ()):
            return tuple(dict.fromkeys(found))
    return ()


def _members(problem: BaseException) -> Iterator[BaseException]:
    """Yield what a group holds, however deep; an exception by itself is its only member."""
    if not isinstance(problem, _GROUP):
        yield problem
        return
    for each in cast("BaseExceptionGroup[BaseException]", problem).exceptions:
        yield from _members(each)


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """Yield an exception, what a group holds, and what they were raised from, each once."""
    waiting, seen = [problem], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [member for member in _members(each) if member is not each]
        waiting += [cause for cause in (each.__cause__ or each.__context__,) if cause is not None]


def _looked_up(problem: BaseException) -> tuple[str, ...]:
    if not isinstance(problem, KeyError):
        return ()
    modules = [frame.f_globals.get("__name__") for frame, _ in walk_tb(problem.__traceback__)]
    return (str(problem.args[0]),) if modules and modules[-1] == "os" else ()


def _settings(problem: BaseException) -> tuple[str, ...]:
    for frame, _ in walk_tb(problem.__traceback__):
        if str(frame.f_globals.get("__name__")).startswith("pydantic_settings"):
            model: Any = next((each for each in frame.f_locals.values() if hasattr(each, "model_config")), None)
            prefix = str(getattr(model, "model_config", {}).get("env_prefix") or "")
            faults = _faults(problem)
            return tuple(f"{prefix}{each['loc'][0]}".upper() for each in faults if each["type"] == "missing")
    return ()


def _faults(problem: BaseException) -> Sequence[Mapping[str, Any]]:
    """Return what a `ValidationError` of pydantic names; nothing of any other exception."""
    validation_error = getattr(sys.modules.get("pydantic"), "ValidationError", ())
    return cast("Any", problem).errors() if isinstance(problem, validation_error) else ()


def _named(problem: BaseException) -> tuple[str, ...]:
    text = text_of(problem)
    names = [name for name in _VARIABLE.findall(text) if name not in os.environ]
    if not _ABOUT_VARIABLES.search(text):
        names = [name for name in names if _USUAL.search(name)] if _ABOUT_LACK.search(text) else []
    return tuple(names)
