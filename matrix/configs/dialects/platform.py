"""The platform's own forms: configs as its new store has them, and rows of its legacy table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from matrix.configs.dialects.entry import Entry, Source, named
from matrix.configs.migration.mapping import Assignment, Unmappable, to_config
from matrix.configs.model import ServerConfig
from matrix.json_access import mapping, sequence

_LEGACY = {"env", "http_url", "timeout_seconds", "max_retries", "status", "error_count", "tools_discovered"}
"""Columns that no config has."""
_NUMBERS = ("id", "priority", "timeout_seconds", "max_retries")


def recognise(document: Any) -> Iterator[Source]:
    """Yield the source, if the document is a config, a list of them, or holds one under its key."""
    root = mapping(document)
    for key in ("configs", "mcp_servers"):
        if isinstance(root.get(key), list):
            unread = sorted(set(root) - {key})
            notes = (f"not read: {', '.join(unread)}",) if unread else ()
            yield _source(root.get(key), notes)
    if isinstance(document, list):
        yield _source(cast("object", document))
    elif "name" in root and ("server_type" in root or _LEGACY & set(root)):
        yield _source([root])


def _source(items: object, notes: tuple[str, ...] = ()) -> Source:
    legacy = any(_LEGACY & set(mapping(item)) for item in sequence(items))
    return Source("legacy" if legacy else "configs", named(items), _translate, notes=notes)


def _translate(entry: Entry) -> ServerConfig:
    if not isinstance(entry.rest.get("name"), str):
        raise entry.problem("name", "is missing")
    if not _LEGACY & set(entry.rest):
        return ServerConfig.read(entry.rest)
    agents = entry.words("agents") or []
    row = {"enabled": True, "auto_start": True, **{key: _raw(value) for key, value in entry.rest.items()}}
    for key in _NUMBERS:
        if isinstance(row.get(key), float) and not float(cast("float", row[key])).is_integer():
            raise entry.problem(key, "is no whole number")
    try:
        mapped = to_config(cast("Any", row), [Assignment(agent, {}) for agent in agents])
    except Unmappable as problem:
        raise entry.problem("", str(problem)) from None
    for note in mapped.notes:
        entry.note(note)
    return mapped.config


def _raw(value: Any) -> Any:
    """Return a column as the table has it: arrays and objects as JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | Mapping) else value
