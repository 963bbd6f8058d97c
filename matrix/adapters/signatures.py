"""What an owner's callable asks for, by its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

SERVERS = "mcp_servers"
"""The parameter by which a factory asks for the servers."""


def required_parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the positional parameters without a default; none where the signature is not to be had."""
    return tuple(each.name for each in _required(function))


def text_parameter(function: Callable[..., Any]) -> str | None:
    """Return the name of the only required parameter where it is annotated as a text."""
    required = _required(function)
    return required[0].name if len(required) == 1 and required[0].annotation in {str, "str"} else None


def wires_servers(function: Callable[..., Any]) -> bool:
    """Whether it has a parameter for the servers."""
    return SERVERS in _parameters(function)


def _required(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [each for each in _parameters(function).values() if each.default is each.empty and each.kind in kinds]


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}
