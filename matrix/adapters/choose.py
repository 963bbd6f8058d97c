"""Which way an agent is started: as a command, as a callable that takes a task, or as a pydantic-ai agent."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

from matrix.adapters.base import Instance, Task
from matrix.adapters.callable import CallableInstance
from matrix.adapters.command import CommandInstance
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
    if takes_a_task(target):

        async def make(_: Mapping[str, Any]) -> Instance:
            return CallableInstance(cast("Callable[[Task], Any]", target))

        return lambda _: make
    from pydantic_ai import Agent as PydanticAiAgent  # noqa: PLC0415  (an owner's callable may do without)

    from matrix.adapters import pydantic_ai as adapter  # noqa: PLC0415

    if not (callable(target) or isinstance(target, PydanticAiAgent)):
        raise Broken(
            f"{agent.target} is a {type(target).__name__}, neither a pydantic_ai.Agent nor a callable",
            "name an agent, a factory of one, or a callable that takes a task",
        )

    async def build(servers: Mapping[str, Any]) -> Instance:
        # A name with its provider is to be asked in place of the agent's own model; one without is for commands.
        model = agent.model if ":" in agent.model else None
        return await adapter.start(cast("Any", target), servers, model)

    return lambda _: build


def imported(agent: Agent, import_string: str) -> object:
    """Import something of an agent's. Raises Broken."""
    return load(import_string, _folder(agent))


def takes_its_model_from_the_task(agent: Agent) -> bool:
    """Whether the agent is told by each task where its model is, so that it cannot be asked live. Raises Broken."""
    return agent.command is not None or takes_a_task(imported(agent, agent.target or ""))


def takes_a_task(target: object) -> bool:
    """Whether it is a callable with one required parameter, and so takes a task; a factory has none. Raises Broken."""
    if not callable(target) or type(target).__module__.startswith("pydantic_ai"):
        return False
    try:
        parameters = inspect.signature(target).parameters
    except ValueError as problem:
        raise Broken(str(problem), "wrap it in a function that takes a task") from problem
    required = [
        name
        for name, each in parameters.items()
        if each.default is each.empty and each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ]
    return len(required) == 1 and required[0] != "mcp_servers"


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
