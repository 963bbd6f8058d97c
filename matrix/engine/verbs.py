"""The verbs of a cell in progress: what a capability asks with (see capabilities/verbs.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from matrix.adapters.base import CannotStart, Instance, Model, OwnsProcesses, Task, base_url
from matrix.adapters.choose import Starter
from matrix.capabilities.verbs import Run, Unmet
from matrix.engine.tasks import cancelled, ended, torn_down
from matrix.lab.lab import Lab
from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.model.transport import CURRENT
from matrix.lab.records import OfferedTool, RunRecord
from matrix.lab.script import Script, Turn
from matrix.lab.servers.spec import ServerSpec
from matrix.lab.trace import Trace
from matrix.model import Agent, Capability, Cell, Probe

T = TypeVar("T")
_SHOWN_TOOLS = 8


@dataclass(frozen=True)
class Setting:
    """What a worker has at hand for every cell of its agent.

    `servers` returns the servers that a cell is to have, and lays the files of real ones in the given folder; `probes`
    the calls with known answers, with a token in them. `headers` are those that HTTP servers are configured with.
    """

    lab: Lab
    agent: Agent
    start: Starter
    servers: Callable[[Cell, Capability, Path], Sequence[ServerSpec]]
    probes: Callable[[Cell, str, Path], Sequence[Probe]]
    group_size: int = 1
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hide: Callable[[Any], Any] = lambda value: value


class Verbs:
    """A cell whose servers are attached: makes instances of the agent, and runs them on scripts."""

    def __init__(
        self, cell: Cell, setting: Setting, trace: Trace, key: str, root: Path, entries: Mapping[str, Any]
    ) -> None:
        self.trace = trace
        self._cell = cell
        self._setting = setting
        self._key = key
        self._root = root
        self._entries = entries
        self._first: AgentSession | None = None
        self._sessions: list[AgentSession] = []
        self._runs = 0
        self._nonces: set[str] = set()

    @property
    def servers(self) -> tuple[str, ...]:
        """The names under which the servers are attached."""
        return tuple(self._entries)

    @property
    def revision(self) -> str:
        """The revision that the servers speak."""
        return self._cell.revision

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers configured for the servers."""
        return self._setting.headers

    @property
    def native(self) -> Probe | None:
        """One of the agent's own tools."""
        return self._setting.agent.native

    @property
    def group_size(self) -> int:
        """How many agents use the server together."""
        return self._setting.group_size

    def nonce(self, label: object = "") -> str:
        """Return a text that occurs nowhere else, the same in every run of this cell."""
        nonce = self._cell.nonce(label)
        self._nonces.add(nonce)
        return nonce

    def without_nonces(self, text: str) -> str:
        """Return a text with every nonce of this cell put as an ellipsis."""
        for nonce in sorted(self._nonces):
            text = text.replace(nonce, "…")
        return text

    def probes(self, label: object = "") -> Sequence[Probe]:
        """Return the real server's probes with a token of this label."""
        return self._setting.probes(self._cell, self.nonce(label), self._root)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Return the provider's rules that these tools break."""
        seen = self.trace.model[-1].protocol if self.trace.model else self._setting.agent.protocol
        return PROTOCOLS[seen].violations(offered)

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script; it has to end well."""
        return await (await self._session()).ask(*turns, history=history)

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script, however it ends."""
        return await (await self._session()).attempt(*turns, history=history)

    async def another(self, *, with_servers: bool = True) -> AgentSession:
        """Make one more instance of the agent."""
        entries: Mapping[str, Any] = self._entries if with_servers else {}
        try:
            instance = await self._setting.start(entries)
        except CannotStart as problem:
            raise Unmet(f"the agent could not be made: {problem}") from problem
        session = AgentSession(self, instance, entries)
        self._sessions.append(session)
        return session

    async def gather(self, *runs: Awaitable[T]) -> list[T]:
        """Await these together; the first failure cancels the others."""
        tasks = [asyncio.ensure_future(run) for run in runs]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                await cancelled(task)

    async def leftovers(self, seconds: float) -> Sequence[str]:
        """Return the names of the processes that the runs' own commands left, and that do not end in time."""
        owners = [each.instance for each in self._sessions if isinstance(each.instance, OwnsProcesses)]
        found = await self.gather(*(each.leftovers(seconds) for each in owners))
        return sorted(name for names in found for name in names)

    async def close(self) -> None:
        """Let go of every instance of the agent."""
        for session in self._sessions:
            await torn_down(session.instance.close())

    async def run(self, instance: Instance, entries: Mapping[str, Any], script: Script, history: Any) -> Run:
        """Run an instance once, in a task of its own: what it does to its scopes must not reach ours."""
        number, self._runs = self._runs, self._runs + 1
        lab, agent = self._setting.lab, self._setting.agent
        conversation = lab.converse(self._key, number, script, self.trace)
        url = base_url(agent.protocol, lab.model_url(conversation))
        model = Model(agent.protocol, url, "test", agent.model)
        task = Task(script.prompt(), entries, model, history)
        token = CURRENT.set(conversation)
        try:
            running = asyncio.ensure_future(instance.ask(task))
        finally:
            CURRENT.reset(token)
        answer, error = await ended(running)
        text = None if answer is None else answer.text
        self.trace.add(RunRecord(self.trace.now(), number, task.prompt, text, error))
        exchanges = tuple(each for each in self.trace.model if each.run == number)
        kept = None if answer is None else answer.history
        return Run(number, text, error, tuple(conversation.missing), exchanges, kept)

    async def _session(self) -> AgentSession:
        if self._first is None:
            self._first = await self.another()
        return self._first


@dataclass(frozen=True)
class AgentSession:
    """One instance of the agent in a cell."""

    verbs: Verbs
    instance: Instance
    entries: Mapping[str, Any]

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script, however it ends."""
        return await self.verbs.run(self.instance, self.entries, Script(turns), history)

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script; it has to end well, with every tool of the script offered. Raises Unmet."""
        run = await self.attempt(*turns, history=history)
        if run.error is not None:
            raise Unmet(f"the run ended with {run.error}")
        if run.missing:
            names = sorted(tool.name for tool in run.offered)
            shown = ", ".join(names[:_SHOWN_TOOLS]) + (", …" if len(names) > _SHOWN_TOOLS else "")
            raise Unmet(f"the tool {run.missing[0]} was not offered to the model, which was offered {shown or 'none'}")
        if any(turn.calls for turn in turns) and not run.offered:
            raise Unmet("the model was offered no tools at all" if run.exchanges else "the agent asked no model at all")
        return run
