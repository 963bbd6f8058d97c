"""Placeholders such as `{root}` in commands, environments and files that a row or a file of servers declares.

`{name}` is filled in, `{{name}}` stands for the text `{name}`, and `${name}` belongs to the shell and stays as it is;
so do braces around anything but a name, as JSON has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, overload

from matrix.errors import nearest_names

_BRACES = re.compile(
    r"\$\{+[A-Za-z_][A-Za-z0-9_]*\}+|\{\{(?P<literal>[A-Za-z_][A-Za-z0-9_]*)\}\}|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}"
)


@overload
def fill(value: str, values: Mapping[str, str]) -> str: ...
@overload
def fill(value: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]: ...
@overload
def fill(value: Any, values: Mapping[str, str]) -> Any: ...
def fill(value: Any, values: Mapping[str, str]) -> Any:
    """Replace the placeholders in every string of a nested value, in one pass; sequences become lists.

    What `values` does not name stays as it is; whoever reads a file refuses it with `unknown_placeholder`.
    """
    if isinstance(value, str):
        return _BRACES.sub(lambda found: _filled(found, values), value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value)
        return {key: fill(item, values) for key, item in entries.items()}
    if isinstance(value, Sequence):
        return [fill(item, values) for item in cast("Sequence[Any]", value)]
    return value


def placeholders(value: Any) -> set[str]:
    """Collect the names of the placeholders in every string of a nested value; keys do not count."""
    if isinstance(value, str):
        return {found["name"] for found in _BRACES.finditer(value) if found["name"]}
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, Any]", value).values())
    if isinstance(value, Sequence):
        return {name for item in cast("Sequence[Any]", value) for name in placeholders(item)}
    return set()


def unknown_placeholder(value: Any, known: Sequence[str]) -> str | None:
    """Say which placeholder in a nested value is none of those that its place knows; None where all are."""
    unknown = sorted(placeholders(value) - set(known))
    if not unknown:
        return None
    name = unknown[0]
    have = ", ".join(f"{{{each}}}" for each in known)
    near = nearest_names(name, known)
    mend = f" (the nearest is {{{near[0]}}})" if near else ""
    return f"has the unknown placeholder {{{name}}}{mend}; this place knows {have}; write {{{{{name}}}}} for the text"


def _filled(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found["literal"]:
        return f"{{{found['literal']}}}"
    return values.get(found["name"], found[0]) if found["name"] else found[0]
