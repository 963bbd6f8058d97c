"""Agents built with pydantic-ai: their servers, their deps, and what becomes of servers that they bring themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, cast

from pydantic_ai import AgentRunResult
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.messages import ModelMessage

from ..raised import Explained, exited, told
from .base import Answer, Declared, Instance, Task
from .factory import Made
from .own_servers import treated
from .toolsets import Toolsets, attached

AnyAgent = AbstractAgent[Any, Any]
Deps = Callable[[], Any]


def start(made: Made, servers: Mapping[str, Any], declared: Declared) -> Instance:
    """Wire an agent to these servers.

    Where its factory was handed them, it has wired them itself; otherwise one toolset per server is attached to every
    run, as the library's documentation recommends.
    """
    agent = cast("AnyAgent", made.product)
    toolsets = () if made.wires else attached(servers)
    handed: Mapping[str, Any] = servers if made.wires else {}
    instead = treated(agent.toolsets, declared.own_servers, handed, toolsets)
    given = declared.deps if made.deps is None else made.deps
    wiring = "the factory was handed {servers} and attached none" if made.wires else ""
    return PydanticAiInstance(agent, toolsets, instead, _deps(agent, given), wiring, declared.model)


def _deps(agent: AnyAgent, given: Any) -> Deps | None:
    """Return what makes the deps of a run, or None; a value of the agent's own type is none that is to be called."""
    if given is None:
        return None
    kind = agent.deps_type
    is_value = inspect.isclass(kind) and kind is not object and isinstance(given, kind)
    return cast("Deps", given) if callable(given) and not is_value else lambda: given


class PydanticAiInstance:
    """A pydantic-ai agent; the tap answers for its model, so nothing of it is replaced here.

    `instead` takes the place of all its toolsets but its own functions, where it brings servers of its own.
    """

    def __init__(
        self,
        agent: AnyAgent,
        toolsets: Toolsets,
        instead: Toolsets | None = None,
        deps: Deps | None = None,
        wiring: str = "",
        model: str | None = None,
    ) -> None:
        self._agent = agent
        self._toolsets = toolsets
        self._instead = instead
        self._deps = deps
        self.wiring = wiring
        self._model = model

    async def ask(self, task: Task) -> Answer:
        """Run the agent; its history is the library's list of messages. Raises Explained where a mend is known."""
        history = cast("list[ModelMessage] | None", task.history)
        instead = nullcontext() if self._instead is None else self._agent.override(toolsets=self._instead)
        deps = await self._made_deps()
        try:
            with instead:
                result: AgentRunResult[Any] = await self._agent.run(
                    task.prompt,
                    toolsets=self._toolsets or None,
                    message_history=history,
                    deps=deps,
                    model=self._model,
                )
        except SystemExit as problem:
            raise exited(problem) from problem
        except Exception as problem:
            if self._deps is None and self._lacks_deps(problem):
                name = getattr(self._agent.deps_type, "__name__", str(self._agent.deps_type))
                raise Explained(
                    f"{told(problem)}: the agent has deps_type {name}, and its row gives no deps; name a value, or a "
                    "factory of one, as `deps` in the row, or let its factory return (agent, deps)"
                ) from problem
            raise
        return Answer(str(result.output), result.all_messages())

    async def close(self) -> None:
        """Nothing is held beyond the runs."""

    async def _made_deps(self) -> Any:
        if self._deps is None:
            return None
        try:
            made = self._deps()
            return await made if inspect.isawaitable(made) else made
        except Exception as problem:
            raise Explained(f"the factory of its deps raised {told(problem)}") from problem

    def _lacks_deps(self, problem: Exception) -> bool:
        return self._agent.deps_type not in {type(None), None, object} and "'NoneType' object" in told(problem)
