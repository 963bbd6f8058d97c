"""What an import string names: whether it can be an agent, and how instances of it are made.

Also the harness does it, in interpreters of all kinds: the standard library alone (and the pydantic-ai that is there),
Python 3.9 or later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from ..registry.loading import Broken
from .base import CannotStart, Declared, Instance, Task
from .callable import TASK_NOT_TEXT, CallableInstance
from .closing import Shared, can_be_closed
from .factory import Made, inner_agent, is_pydantic_agent, made_by, takes_a_task
from .signatures import SERVERS, required_parameters, text_parameter

Starter = Callable[[Mapping[str, Any]], Awaitable[Instance]]
"""Makes an instance of an agent with these `mcpServers` entries. Raises CannotStart."""


def started_by(target: object, name: str, declared: Declared) -> Starter:
    """Return what makes instances of a target, which is called `name`. Raises Broken."""
    _refuse(target, name)
    if takes_a_task(target):
        shared = Shared() if can_be_closed(target) else None

        async def make(_: Mapping[str, Any]) -> Instance:
            return CallableInstance(cast("Callable[[Task], Any]", target), shared)

        return make

    async def build(servers: Mapping[str, Any]) -> Instance:
        return _instance(await made_by(target, servers), servers, declared)

    return build


def _instance(made: Made, servers: Mapping[str, Any], declared: Declared) -> Instance:
    """Return an instance of what a factory made. Raises CannotStart where that is no agent."""
    product = made.product
    if is_pydantic_agent(product):
        from . import pydantic_ai as adapter  # noqa: PLC0415  (an owner's callable may do without)
        from .models import check_model  # noqa: PLC0415

        check_model(declared.model or cast("Any", product).model)
        return adapter.start(made, servers, declared)
    if takes_a_task(product):
        return CallableInstance(cast("Callable[[Task], Any]", product))
    kind = type(product).__name__
    inner = inner_agent(product)
    mend = f"; let it return its `.{inner}`" if inner else ""
    raise CannotStart(f"its factory returned {kind}, which is no pydantic_ai.Agent and takes no task{mend}")


def _refuse(target: object, name: str) -> None:
    """Raise Broken for what can be neither an agent nor a factory of one, with the mend that its shape suggests."""
    if is_pydantic_agent(target):
        return
    inner = inner_agent(target)
    if not callable(target):
        raise Broken(
            f"{name} is of type {type(target).__name__}, neither a pydantic_ai.Agent nor a callable",
            f"name the agent inside of it, {name}.{inner}"
            if inner
            else "name an agent, a factory of one, or a callable that takes a task",
        )
    if (text := text_parameter(target)) is not None:
        raise Broken(f"{name} takes a text ({text}: str)", TASK_NOT_TEXT)
    needed = [each for each in required_parameters(target) if each != SERVERS]
    if needed and not takes_a_task(target):
        listed = ", ".join(needed)
        raise Broken(
            f"{name} cannot be called without {listed}",
            f"name the agent inside of it, {name}.{inner}"
            if inner
            else f"give {'it a default' if len(needed) == 1 else 'each a default'}, or name a function without them",
        )
