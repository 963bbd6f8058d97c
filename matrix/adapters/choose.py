"""Which way an agent is started: as a command, as a callable that takes a task, or as a pydantic-ai agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matrix.adapters.base import Declared, Instance
from matrix.adapters.command import CommandInstance
from matrix.adapters.factory import takes_a_task
from matrix.adapters.harness.instance import HarnessStarter
from matrix.adapters.target import Starter, started_by
from matrix.model import Agent, Command
from matrix.registry import environments
from matrix.registry.importing import load


def starter(agent: Agent) -> Callable[[Path], Starter]:
    """Return what makes instances of the agent, once there is a folder for what they write. Raises Broken."""
    if agent.command is not None:
        return _command(agent, agent.command)
    if agent.harness is not None:
        spec = agent.environment
        bin_path = None if spec is None else environments.bin_path(spec)
        apart = HarnessStarter(agent, agent.harness, bin_path, asked_model(agent))
        apart.load()
        return lambda _: apart
    name = agent.target or ""
    target = imported(agent, name)
    deps = None if agent.deps is None else imported(agent, agent.deps)
    start = started_by(target, name, Declared(deps, agent.own_servers, asked_model(agent)))
    return lambda _: start


def asked_model(agent: Agent) -> str | None:
    """Return the model that a row has asked in place of the agent's own: a name with its provider is one."""
    return agent.model if ":" in agent.model else None


def imported(agent: Agent, import_string: str) -> object:
    """Import something of an agent's. Raises Broken."""
    return load(import_string, _folder(agent))


def takes_its_model_from_the_task(agent: Agent) -> bool:
    """Whether the agent is told by each task where its model is, so that it cannot be asked live. Raises Broken."""
    return agent.command is not None or agent.harness is not None or takes_a_task(imported(agent, agent.target or ""))


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
