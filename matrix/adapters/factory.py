"""Factories: what makes an agent, of whatever kind, with or without the servers in hand."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..raised import told
from .base import CannotStart
from .signatures import SERVERS, required_parameters, wires_servers


@dataclass(frozen=True)
class Made:
    """What a factory returned: an agent of some kind, the deps that came with it, whether it was handed the servers."""

    product: object
    deps: object = None
    wires: bool = False


def is_pydantic_agent(target: object) -> bool:
    """Whether it is an agent of pydantic-ai, told without importing that."""
    return any(
        each.__name__ == "AbstractAgent" and each.__module__.startswith("pydantic_ai") for each in type(target).__mro__
    )


def inner_agent(target: object) -> str | None:
    """Return the name of the attribute that holds an agent, `agent` before others; None where none does."""
    named = {**getattr(type(target), "__dict__", {}), **getattr(target, "__dict__", {})}
    names = [name for name in sorted(named) if not name.startswith("_")]
    held = [name for name in names if is_pydantic_agent(getattr(target, name, None))]
    if not held and callable(getattr(target, "agent", None)):
        held = ["agent"]
    return "agent" if "agent" in held else next(iter(held), None)


async def made_by(target: Any, servers: Mapping[str, Any]) -> Made:
    """Return what a factory, a function or a class, makes; an agent itself as it is. Raises CannotStart."""
    if is_pydantic_agent(target):
        return Made(target)
    wires = wires_servers(target)
    try:
        made = target(mcp_servers=servers) if wires else target()
        product = await made if inspect.isawaitable(made) else made
    except SystemExit as problem:
        raise CannotStart(f"its factory called sys.exit({problem.code!r})") from problem
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as problem:
        raise CannotStart(f"its factory raised {told(problem)}") from problem
    parts = cast("tuple[Any, ...]", product) if isinstance(product, tuple) else ()
    if len(parts) == 2 and is_pydantic_agent(parts[0]):
        return Made(parts[0], parts[1], wires)
    return Made(cast("object", product), None, wires)


def takes_a_task(target: object) -> bool:
    """Whether it is a callable, and no class, with one required parameter, and so takes a task; a factory has none."""
    if not callable(target) or inspect.isclass(target) or is_pydantic_agent(target):
        return False
    required = required_parameters(target)
    return len(required) == 1 and required[0] != SERVERS
