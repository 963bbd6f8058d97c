"""A legacy row as a config, and a config's fields as legacy columns; pure.

`timeout_seconds` × 1000 → `timeout` (ms) · `max_retries` → `retry_count` · `env` → `environment`, for http as well ·
`http_url` → `url` · assignments → `agents` by name, none meaning nobody. Every other column is kept under `legacy`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from matrix.configs.migration.legacy import Raw, RawRow
from matrix.configs.model import EVERY_AGENT, InvalidConfig, ServerConfig
from matrix.json_access import mapping, sequence

COLUMNS: Mapping[str, str] = {
    "server_type": "server_type",
    "command": "command",
    "environment": "env",
    "url": "http_url",
    "description": "description",
    "tags": "tags",
    "priority": "priority",
    "enabled": "enabled",
    "auto_start": "auto_start",
    "timeout": "timeout_seconds",
    "retry_count": "max_retries",
}
"""Fields of a config, and the legacy columns that hold them."""
_JSON = {"command", "env", "tags", "tools_discovered", "resources_discovered"}
_SWITCHES = {"enabled", "auto_start"}
_NUMBERS = {"max_retries", "timeout_seconds", "priority", "error_count", "connection_attempts", "id"}
_LARGEST = 2**31 - 1
_MAPPED = {*COLUMNS.values(), "name"}
USUAL: Mapping[str, Any] = {
    "environment": {},
    "tags": [],
    "priority": 0,
    "enabled": True,
    "auto_start": True,
    "timeout": 30_000,
    "retry_count": 3,
}
"""What a legacy row says that says nothing; a config of the same needs no column for it."""


class Unmappable(Exception):
    """A row that no config can be made of; its text says why, and how to mend it."""


@dataclass(frozen=True)
class Assignment:
    """A row of the assignments, with the name of its agent."""

    agent: str
    row: RawRow


@dataclass(frozen=True)
class Mapped:
    """What became of a row: its config, its secrets still in clear, and what is worth saying about it."""

    config: ServerConfig
    notes: tuple[str, ...] = ()


@dataclass
class _Reader:
    row: RawRow
    notes: list[str] = field(default_factory=list[str])

    def json(self, column: str) -> Any:
        raw = self.row.get(column)
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise Unmappable(f"its {column} is no JSON text; write JSON there")
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise Unmappable(f"its {column} is no valid JSON; mend it there") from None

    def number(self, column: str, default: int) -> int:
        raw = self.row.get(column)
        if raw is None:
            return default
        try:
            return int(cast("str | int", raw))
        except (TypeError, ValueError):
            raise Unmappable(f"its {column} is no whole number; mend it there") from None

    def switch(self, column: str) -> bool:
        """Read a truth value. NULL is no: code that asked `where enabled` never saw such a row either."""
        raw = self.row.get(column)
        known = {None: False, 0: False, 1: True, "0": False, "1": True, "t": True, "f": False}
        known |= {"true": True, "false": False}
        key = raw.lower() if isinstance(raw, str) else raw
        if isinstance(key, Mapping) or key not in known:
            raise Unmappable(f"its {column} is neither true nor false; mend it there")
        return known[key]

    def text(self, column: str) -> str | None:
        raw = self.row.get(column)
        if isinstance(raw, Mapping):
            raise Unmappable(f"its {column} is no UTF-8 text; mend it there")
        return None if raw is None else str(raw)


def to_config(row: RawRow, assignments: Sequence[Assignment]) -> Mapped:
    """Make the config of a legacy row; its agents are those assigned, and nobody where there are none.

    Raises Unmappable.
    """
    read = _Reader(row)
    config: dict[str, Any] = {
        "name": read.text("name"),
        "server_type": read.text("server_type"),
        "command": _command(read),
        "url": read.text("http_url") or None,
        "environment": _environment(read),
        "agents": sorted({each.agent for each in assignments}),
        "timeout": read.number("timeout_seconds", 30) * 1000,
        "retry_count": read.number("max_retries", 3),
        "enabled": read.switch("enabled"),
        "auto_start": read.switch("auto_start"),
        "description": read.text("description"),
        "tags": _tags(read),
        "priority": read.number("priority", 0),
        "legacy": _legacy(read, assignments),
    }
    if EVERY_AGENT in config["agents"]:
        raise Unmappable(
            f"it is assigned to an agent that is called {EVERY_AGENT!r}, which would mean everyone; rename the agent"
        )
    try:
        return Mapped(ServerConfig.read({k: v for k, v in config.items() if v is not None}), tuple(read.notes))
    except InvalidConfig as problem:
        column = COLUMNS.get(problem.where.partition(".")[0], problem.where)
        raise Unmappable(
            " ".join(part for part in (f"its {column}:" if column else "", problem.problem) if part)
        ) from None


def _command(read: _Reader) -> list[Any] | None:
    value = read.json("command")
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in sequence(cast("object", value))):
        raise Unmappable('its command is no array of texts; write ["program", "argument", …]')
    return list(sequence(cast("object", value)))


def _environment(read: _Reader) -> dict[str, str]:
    value = read.json("env")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unmappable('its env is no object; write {"NAME": "value", …}')
    environment: dict[str, str] = {}
    for name, each in mapping(cast("object", value)).items():
        if isinstance(each, str):
            environment[name] = each
        elif isinstance(each, bool | int | float):
            environment[name] = json.dumps(each)
            read.notes.append(f"env.{name} is written as a text")
        elif each is None:
            read.notes.append(f"env.{name} is null, and stays unset")
        else:
            raise Unmappable(f"its env.{name} is neither a text nor a number; mend it there")
    return environment


def _tags(read: _Reader) -> list[Any]:
    value = read.json("tags")
    if isinstance(value, list):
        return list(sequence(cast("object", value)))
    if value is not None:
        read.notes.append("tags are no array, and are kept under `legacy` only")
    return []


def _legacy(read: _Reader, assignments: Sequence[Assignment]) -> dict[str, Any]:
    """Keep what a config has no field for: readable, and complete."""
    kept: dict[str, Any] = {}
    for column, raw in read.row.items():
        if raw is None or (column in _MAPPED and not (column == "tags" and not _is_array(read, "tags"))):
            continue
        kept[column] = _readable(column, raw)
    kept["assignments"] = [
        {"agent": each.agent, **{name: raw for name, raw in each.row.items() if raw is not None}}
        for each in assignments
    ]
    return kept


def _is_array(read: _Reader, column: str) -> bool:
    return isinstance(read.json(column), list)


def _readable(column: str, raw: Raw) -> Any:
    if isinstance(raw, str) and column in _JSON:
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return raw
    if isinstance(raw, str) and column in _NUMBERS and raw.lstrip("-").isdecimal():
        return int(raw)
    return raw


@dataclass(frozen=True)
class Lost:
    """A field that the legacy tables have no place for, and what is said of it."""

    field: str
    text: str


@dataclass(frozen=True)
class Columns:
    """Fields of a config as legacy columns, and those that they have no place for."""

    values: Mapping[str, Raw]
    lost: tuple[Lost, ...] = ()


def to_columns(config: Mapping[str, Any], fields: Sequence[str], *, sqlite: bool) -> Columns:
    """Write these fields of an unsealed config as legacy columns; those that the tables cannot hold are named."""
    values: dict[str, Raw] = {}
    lost: list[Lost] = []
    for name in sorted(set(fields) - {"agents", "legacy"}):
        value = config.get(name)
        column = name if name == "name" else COLUMNS.get(name)
        if column is None:
            lost.append(Lost(name, name))
        elif isinstance(value, int) and name == "timeout" and abs(value) <= _LARGEST * 1000:
            if value % 1000:
                lost.append(Lost(name, "timeout (the tables count whole seconds)"))
            else:
                values[column] = _written(column, value // 1000, sqlite=sqlite)
        elif isinstance(value, int) and abs(value) > _LARGEST:
            lost.append(Lost(name, f"{name} (the tables hold numbers up to {_LARGEST})"))
        elif name == "url" and isinstance(value, str) and len(value) > 500:
            lost.append(Lost(name, "url (the tables hold 500 characters)"))
        else:
            values[column] = _written(column, value, sqlite=sqlite)
    return Columns(values, tuple(lost))


def _written(column: str, value: Any, *, sqlite: bool) -> Raw:
    if column in _JSON:
        if value is None:
            return {"env": "{}", "tags": "[]"}.get(column)
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return None
    if column in _SWITCHES:
        return int(value) if sqlite else str(bool(value)).lower()
    return cast("Raw", value if sqlite else str(value))
