"""What every way of starting an agent has in common: a task goes in, an answer comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..own_servers import OwnServers


@dataclass(frozen=True)
class Model:
    """Where an agent finds its model: `base_url` is what that provider's own SDK takes as its base URL."""

    protocol: str
    base_url: str
    api_key: str
    name: str


@dataclass(frozen=True)
class Task:
    """What an agent is asked; a callable agent receives this very object (a stable contract).

    `mcp_servers` has the common `mcpServers` form: `{"name": {"command", "args", "env", "cwd"}}` or
    `{"name": {"type": "http" | "sse", "url", "headers"}}`. `history` is what the run before returned, or None.
    """

    prompt: str
    mcp_servers: Mapping[str, Any]
    model: Model
    history: Any = None


@dataclass(frozen=True)
class Answer:
    """What an agent returned."""

    text: str
    history: Any = None
    stderr: str = ""
    """What a command wrote to standard error."""


@dataclass(frozen=True)
class Declared:
    """What a row declares of its agent.

    `deps` is a value or a factory of one, which is then called for every run. `model`, as `provider:name`, is asked in
    place of the agent's own.
    """

    deps: object = None
    own_servers: OwnServers = OwnServers.DROP
    model: str | None = None


class Instance(Protocol):
    """A running agent, wired to its servers; `ask` may be called concurrently."""

    async def ask(self, task: Task) -> Answer:
        """Run the agent once. Raises whatever the agent raises."""
        ...

    async def close(self) -> None:
        """Let go of the agent."""
        ...


@runtime_checkable
class OwnsProcesses(Protocol):
    """An instance whose runs are processes: what they have left running can be told before `close` ends it."""

    async def leftovers(self, seconds: float) -> Sequence[str]:
        """Return the names of the processes that are still there after so many seconds; at once when none is."""
        ...


@runtime_checkable
class LivesApart(Protocol):
    """What makes instances that all live in one process of theirs: when that is lost, so are all runs in it."""

    @property
    def losses(self) -> int:
        """How often that process was lost so far."""
        ...


@runtime_checkable
class Retires(Protocol):
    """An instance whose owner's code can be closed: `retire` does what the owner would do at the end."""

    async def retire(self) -> None:
        """Close it. Raises whatever the agent raises."""
        ...


@runtime_checkable
class WiresItself(Protocol):
    """An instance that was handed its servers and has to connect to them; `wiring` says that it did not.

    `{servers}` in that stands for how many they were; an empty text says nothing.
    """

    @property
    def wiring(self) -> str:
        """What is said where no server was ever reached."""
        ...


class CannotStart(Exception):
    """The agent could not be made; the text says why, in one sentence."""


class NotScripted(CannotStart):
    """The agent's model is none that the scripted model can stand in for; the text says which, in one sentence."""


def base_url(protocol: str, url: str) -> str:
    """Return what the provider's own SDK takes as its base URL; only OpenAI's SDK wants the version in it."""
    return f"{url}/v1" if protocol.startswith("openai") else url


def root_url(model: Model) -> str:
    """Return the base URL of a model without the version in it."""
    return model.base_url[: -len("/v1")] if model.protocol.startswith("openai") else model.base_url
