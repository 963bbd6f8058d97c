"""Agents built with pydantic-ai: an `Agent`, or a factory of one that may wire its MCP servers itself."""

from __future__ import annotations

import inspect
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic_ai import Agent, AgentRunResult
from pydantic_ai.mcp import load_mcp_toolsets
from pydantic_ai.messages import ModelMessage
from pydantic_ai.toolsets import AbstractToolset

from matrix.adapters.base import Answer, CannotStart, Instance, Task
from matrix.adapters.models import check_model

AnyAgent = Agent[Any, Any]
Toolsets = Sequence[AbstractToolset[Any]]


async def start(
    target: AnyAgent | Callable[..., Any], servers: Mapping[str, Any], model: str | None = None
) -> Instance:
    """Make an agent with these servers, and this model in place of its own if one is given, as `provider:name`.

    A factory with a parameter `mcp_servers` wires them itself; otherwise one toolset per server is attached to
    every run, as the library's documentation recommends. Raises CannotStart when the factory does, or the agent has
    no model, and NotScripted for a model that cannot be scripted.
    """
    if isinstance(target, Agent):
        return _instance(cast("AnyAgent", target), attached(servers), model)
    wires = "mcp_servers" in inspect.signature(target).parameters
    try:
        made = target(mcp_servers=servers) if wires else target()
        agent = await made if inspect.isawaitable(made) else made
    except Exception as problem:
        raise CannotStart(f"its factory raised {type(problem).__name__}: {problem}") from problem
    if not isinstance(agent, Agent):
        raise CannotStart(f"its factory returned {type(agent).__name__}, which is no pydantic_ai.Agent")
    return _instance(cast("AnyAgent", agent), () if wires else attached(servers), model)


def _instance(agent: AnyAgent, toolsets: Toolsets, model: str | None) -> PydanticAiInstance:
    check_model(model or agent.model)
    return PydanticAiInstance(agent, toolsets, model)


def attached(servers: Mapping[str, Any]) -> Toolsets:
    """Return the library's own toolsets for these servers."""
    if not servers:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mcp.json")
        path.write_text(json.dumps({"mcpServers": dict(servers)}), encoding="utf-8")
        return load_mcp_toolsets(path)


class PydanticAiInstance:
    """A pydantic-ai agent; the tap answers for its model, so nothing of it is replaced here."""

    def __init__(self, agent: AnyAgent, toolsets: Toolsets, model: str | None) -> None:
        self._agent = agent
        self._toolsets = toolsets
        self._model = model

    async def ask(self, task: Task) -> Answer:
        """Run the agent; its history is the library's list of messages."""
        history = cast("list[ModelMessage] | None", task.history)
        result: AgentRunResult[Any] = await self._agent.run(
            task.prompt, toolsets=self._toolsets or None, message_history=history, model=self._model
        )
        return Answer(str(result.output), result.all_messages())

    async def close(self) -> None:
        """Nothing is held beyond the runs."""
