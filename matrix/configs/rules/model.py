"""The policy as its file says it, and what breaks it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return pattern


def _absolute(folder: str) -> str:
    try:
        full = Path(folder).expanduser()
    except RuntimeError:
        full = Path()
    if not full.is_absolute() or ".." in full.parts:
        raise ValueError(f"{folder!r} is no absolute folder")
    return str(full)


Pattern = Annotated[str, AfterValidator(_regular)]
Folder = Annotated[str, AfterValidator(_absolute)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Violation:
    """A rule that a config breaks: the rule's id, the field, one sentence, and where in the field; never a value.

    The field is empty where it is the config as a whole; `at` is a place in a list, or a key.
    """

    rule: str
    field: str
    message: str
    at: int | str | None = None

    @property
    def where(self) -> str:
        """The place as people read it: `command.2`, `headers.Host`."""
        return self.field if self.at is None else f"{self.field}.{self.at}"


def among(name: str, patterns: Sequence[str], *, ignore_case: bool = False) -> bool:
    """Whether a name matches one of the patterns as a whole; a `*` is anything."""
    return bool(_any_of(tuple(patterns), re.IGNORECASE if ignore_case else re.NOFLAG).fullmatch(name))


@lru_cache(maxsize=256)
def _any_of(patterns: tuple[str, ...], flags: re.RegexFlag) -> re.Pattern[str]:
    # fnmatch writes each `*` as an atomic group: a name is read once, however many there are.
    plain = (each.replace("[", "[[]").replace("?", "[?]") for each in patterns)
    return re.compile("|".join(map(translate, plain)) or "(?!)", flags)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Names(_Section):
    """Names of servers and agents: whole-match patterns, characters at most, names that nobody may have."""

    server: Pattern
    agent: Pattern
    length: Count
    reserved: list[str]


class Sizes(_Section):
    """A config as compact JSON: bytes, levels, keys, at most."""

    bytes: Count
    depth: Count
    keys: Count


class Limits(_Section):
    """Numbers of a config; milliseconds and times."""

    timeout_least: Count
    timeout_most: Count
    retries_most: Count


class Commands(_Section):
    """Programs by name, with what their files may be called; folders they may lie in; where names are looked up."""

    allowed: dict[str, list[str]]
    directories: list[Folder]
    path: list[Folder]
    unresolved: Literal["allow-listed-names", "refuse"]


class Arguments(_Section):
    """Words after the program: how many, characters of each, characters that none may have."""

    count: Count
    length: Count
    metacharacters: str


class Interpreter(_Section):
    """A program that runs what its arguments say: which options of its own it may be given.

    `flags` stand alone, `valued` take a value, what follows the value of a `last` one is the program's own.
    `operand` is what the first other word is; `packages` are options whose value is a package; `runs` are packages
    that are interpreters themselves; `refused` modules and packages that only exist to run something else.
    """

    programs: list[str]
    operand: Literal["file", "npm", "pypi"]
    flags: list[str]
    valued: list[str]
    last: list[str] = []
    packages: list[str] = []
    runs: dict[str, str] = {}
    refused: list[str] = []


class Environment(_Section):
    """Variables: the form of a name, the names allowed, the names refused even so (in any case), sizes."""

    name: Pattern
    allowed: list[str]
    refused: list[str]
    count: Count
    length: Count


class Urls(_Section):
    """URLs and headers. `local` are names of this machine or network, `metadata` of the cloud's own services."""

    schemes: list[str]
    length: Count
    allow_private: bool
    local: list[str]
    metadata: list[str]
    refused_headers: list[str]


class Policy(_Section):
    """What a config must keep to; `rules` says which rules are in force."""

    rules: dict[str, bool]
    names: Names
    sizes: Sizes
    limits: Limits
    command: Commands
    arguments: Arguments
    interpreters: dict[str, Interpreter]
    environment: Environment
    urls: Urls
