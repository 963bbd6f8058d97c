"""Which way an agent is started: as a command, as a callable that takes a task, or as a pydantic-ai agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from matrix.adapters.base import CannotStart, Instance, Task
from matrix.adapters.callable import TASK_NOT_TEXT, CallableInstance
from matrix.adapters.closing import Shared, can_be_closed
from matrix.adapters.command import CommandInstance
from matrix.adapters.factory import Made, inner_agent, is_pydantic_agent, made_by, takes_a_task
from matrix.adapters.signatures import SERVERS, required_parameters, text_parameter
from matrix.model import Agent, Command
from matrix.registry import environments
from matrix.registry.importing import Broken, load

Starter = Callable[[Mapping[str, Any]], Awaitable[Instance]]
"""Makes an instance of an agent with these `mcpServers` entries. Raises CannotStart."""


def starter(agent: Agent) -> Callable[[Path], Starter]:
    """Return what makes instances of the agent, once there is a folder for what they write. Raises Broken."""
    if agent.command is not None:
        return _command(agent, agent.command)
    target = imported(agent, agent.target or "")
    _refuse(target, agent.target or "")
    deps = None if agent.deps is None else imported(agent, agent.deps)
    if takes_a_task(target):
        shared = Shared() if can_be_closed(target) else None

        async def make(_: Mapping[str, Any]) -> Instance:
            return CallableInstance(cast("Callable[[Task], Any]", target), shared)

        return lambda _: make

    async def build(servers: Mapping[str, Any]) -> Instance:
        return _instance(await made_by(target, servers), servers, agent, deps)

    return lambda _: build


def _instance(made: Made, servers: Mapping[str, Any], agent: Agent, deps: object) -> Instance:
    """Return an instance of what a factory made. Raises CannotStart where that is no agent."""
    product = made.product
    if is_pydantic_agent(product):
        from matrix.adapters import pydantic_ai as adapter  # noqa: PLC0415  (an owner's callable may do without)
        from matrix.adapters.models import check_model  # noqa: PLC0415

        # A name with its provider is to be asked in place of the agent's own model; one without is for commands.
        model = agent.model if ":" in agent.model else None
        check_model(model or cast("Any", product).model)
        return adapter.start(made, servers, adapter.Declared(deps, agent.own_servers, model))
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


def imported(agent: Agent, import_string: str) -> object:
    """Import something of an agent's. Raises Broken."""
    return load(import_string, _folder(agent))


def takes_its_model_from_the_task(agent: Agent) -> bool:
    """Whether the agent is told by each task where its model is, so that it cannot be asked live. Raises Broken."""
    return agent.command is not None or takes_a_task(imported(agent, agent.target or ""))


def _command(agent: Agent, command: Command) -> Callable[[Path], Starter]:
    spec = command.environment
    bin_path = None if spec is None else environments.bin_path(spec)

    def bind(folder: Path) -> Starter:
        async def make(_: Mapping[str, Any]) -> Instance:
            return CommandInstance(command, folder, bin_path, _folder(agent))

        return make

    return bind


def _folder(agent: Agent) -> Path | None:
    return None if agent.folder is None else Path(agent.folder)
