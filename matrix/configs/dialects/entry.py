"""One server as a file has it, taken apart key by key: what nobody takes is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from matrix.configs.model import InvalidConfig, ServerConfig
from matrix.json_access import mapping, sequence

UNTRANSLATED = "untranslated"
"""Where a config keeps keys of its file that mean something else, or nothing certain, to this model."""

Rewrite = Callable[[str], str]


def as_is(text: str) -> str:
    """Return a text unchanged."""
    return text


class Entry:
    """One server of a file: its name, the keys that nobody has taken yet, and what is worth saying about it.

    Each reading method takes synonyms, and raises InvalidConfig where the value is of another shape, or where two
    synonyms differ. `rewrite` turns the dialect's references into `${…}` ones.
    """

    def __init__(self, name: str, data: Any, rewrite: Rewrite = as_is) -> None:
        self.name = name
        self.notes: list[str] = []
        self._rewrite = rewrite
        if not isinstance(data, Mapping):
            raise self.problem("", "is no object; write {…} there")
        self.rest: dict[str, Any] = dict(mapping(cast("object", data)))

    def problem(self, where: str, problem: str) -> InvalidConfig:
        """Return the error that says what is wrong with this server."""
        return InvalidConfig(self.name[:64], where, problem)

    def note(self, text: str) -> None:
        """Say something about this server."""
        self.notes.append(f"{self.name[:64]!r}: {text}")

    def take(self, *keys: str) -> Any:
        """Take the value of the one of these keys that is there; None if there is none."""
        found = {key: self.rest.pop(key) for key in keys if key in self.rest}
        given = {key: value for key, value in found.items() if value is not None}
        values = list(given.values())
        if any(value != values[0] for value in values):
            raise self.problem(" and ".join(given), "say different things; keep one")
        return values[0] if values else None

    def text(self, *keys: str) -> str | None:
        """Take a text."""
        value = self.take(*keys)
        if value is not None and not isinstance(value, str):
            raise self.problem(keys[0], "is no text")
        return None if value is None else self._rewrite(value)

    def switch(self, *keys: str) -> bool | None:
        """Take a truth value."""
        value = self.take(*keys)
        if value is not None and not isinstance(value, bool):
            raise self.problem(keys[0], "is neither true nor false")
        return value

    def milliseconds(self, key: str, unit: int) -> int | None:
        """Take a length of time, of which one is so many milliseconds."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
            raise self.problem(key, "is no length of time; write a number")
        return round(value * unit)

    def words(self, *keys: str) -> list[str] | None:
        """Take a list of texts; a number in it is written as one."""
        value = self.take(*keys)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self.problem(keys[0], "is no list")
        items = enumerate(sequence(cast("object", value)))
        return [self._word(f"{keys[0]}.{number}", each) for number, each in items]

    def texts(self, *keys: str) -> dict[str, str]:
        """Take an object of texts; numbers and switches in it are written as texts, null is left out."""
        value = self.take(*keys)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.problem(keys[0], "is no object")
        found = mapping(cast("object", value))
        for name in (name for name, each in found.items() if each is None):
            self.note(f"{keys[0]}.{name} is null, and was left out")
        return {name: self._word(f"{keys[0]}.{name}", each) for name, each in found.items() if each is not None}

    def config(self, fields: Mapping[str, Any]) -> ServerConfig:
        """Make the config of these fields, with the keys that nobody took. Raises InvalidConfig."""
        known = set(ServerConfig.model_fields) | {UNTRANSLATED}
        kept = {key: value for key, value in self.rest.items() if key not in known}
        if apart := {key: value for key, value in self.rest.items() if key in known}:
            kept[UNTRANSLATED] = apart
        if self.rest:
            self.note(f"kept without being understood: {', '.join(sorted(self.rest))}")
        return ServerConfig.read({**kept, **{key: value for key, value in fields.items() if value is not None}})

    def _word(self, where: str, value: Any) -> str:
        if isinstance(value, str):
            return self._rewrite(value)
        if isinstance(value, bool | int | float):
            self.note(f"{where} is no text, and was written as one")
            return json.dumps(value)
        raise self.problem(where, "is no text")


@dataclass(frozen=True)
class Source:
    """What a file was recognised as: its dialect, the servers as they stand there, and how to translate one."""

    dialect: str
    entries: Sequence[tuple[str, Any]]
    translate: Callable[[Entry], ServerConfig]
    rewrite: Rewrite = as_is
    inputs: Sequence[Any] = ()
    notes: tuple[str, ...] = ()


def named(items: object) -> list[tuple[str, Any]]:
    """Return a list of servers that carry their own names as pairs; one without a name is called by its place."""
    pairs: list[tuple[str, Any]] = []
    for number, item in enumerate(sequence(items), 1):
        name = mapping(item).get("name")
        pairs.append((name if isinstance(name, str) and name else f"number {number}", item))
    return pairs
