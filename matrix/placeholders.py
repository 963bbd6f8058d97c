"""Placeholders such as `{root}` in commands, environments and arguments that a file declares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """Replace the placeholders in every string of a nested value, in one pass; sequences become lists.

    What `values` does not name stays as it is: braces have other uses too.
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), value)
    if isinstance(value, Mapping):
        return {key: fill(item, values) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, Sequence):
        return [fill(item, values) for item in cast("Sequence[Any]", value)]
    return value


def placeholders(value: Any) -> set[str]:
    """Collect the names of the placeholders in every string of a nested value; keys do not count."""
    if isinstance(value, str):
        return set(_PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        value = list(cast("Mapping[str, Any]", value).values())
    if isinstance(value, Sequence):
        return {name for item in cast("Sequence[Any]", value) for name in placeholders(item)}
    return set()
