"""JSON of unknown shape, read without surprises: what is not there, or not of the shape, is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """Return the value if it is an array, else an empty one."""
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()
