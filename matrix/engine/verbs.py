"""The verbs of a cell in progress: what a capability asks with (see capabilities/verbs.py)."""

from __future__ import annotations

import asyncio
import copy
import itertools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from matrix.adapters.base import (
    CannotStart,
    Instance,
    Model,
    NotScripted,
    OwnsProcesses,
    Retires,
    Task,
    base_url,
)
from matrix.adapters.command import CommandFailed
from matrix.adapters.harness.instance import AgentRaised
from matrix.adapters.target import Starter
from matrix.capabilities.verbs import Run, Unmet, Unsupported
from matrix.descent import below, strays
from matrix.engine.agent_session import AgentSession
from matrix.engine.beat import Beat
from matrix.engine.tasks import cancelled, ended, torn_down
from matrix.lab.lab import Lab
from matrix.lab.model.in_flight import in_flight
from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.records import Hidden, OfferedTool, RunRecord
from matrix.lab.script import Script, Turn
from matrix.lab.servers.spec import ServerSpec
from matrix.lab.trace import Trace
from matrix.model import Agent, Capability, Cell, Probe, Transport
from matrix.raised import Explained, is_of

T = TypeVar("T")
NONCE = "<nonce>"
"""What stands in a reason in place of a text that occurs nowhere else."""


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
    watched: Callable[[Trace, float], AbstractContextManager[None]] = lambda _trace, _silence: nullcontext()
    """Has a cell count among those whose event loop is watched, with the seconds of silence after which it is over."""


class ManyAsking(Protocol):
    """What several questions put their scripts into, to share one run."""

    async def ask(self, turns: Sequence[Turn]) -> Run:
        """Run the agent on the scripts of all of them."""
        ...

    def leave(self) -> None:
        """Wait no longer for one of them."""
        ...


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
        self._runs = itertools.count()
        self.shared: ManyAsking | None = None
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
    def transport(self) -> Transport:
        """The way in which the servers are reached."""
        return self._cell.transport

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers configured for the servers."""
        return self._setting.headers

    @property
    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The servers as they were declared to the agent."""
        return self._entries

    @property
    def native(self) -> Probe | None:
        """One of the agent's own tools."""
        return self._setting.agent.native

    @property
    def is_command(self) -> bool:
        """Whether each run of the agent is a process of its own."""
        return self._setting.agent.command is not None

    @property
    def group_size(self) -> int:
        """How many agents use the server together."""
        return self._setting.group_size

    def nonce(self, label: object = "") -> str:
        """Return a text that occurs nowhere else, the same in every run of this cell."""
        made = self._cell.nonce(label)
        self._nonces.add(made)
        return made

    def without_nonces(self, text: str) -> str:
        """Return a text with the nonces of this cell named as what they are."""
        for each in sorted(self._nonces):
            text = text.replace(each, NONCE)
        return text

    def probes(self, label: object = "") -> Sequence[Probe]:
        """Return the real server's probes with a token of this label."""
        return self._setting.probes(self._cell, self.nonce(label), self._root)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Return the provider's rules that these tools break."""
        seen = self.trace.model[-1].protocol if self.trace.model else self._setting.agent.protocol
        return PROTOCOLS[seen].violations([each for each in offered if each.raw])

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script; it has to end well. Where the run is shared, that is the first script only."""
        shared, self.shared = self.shared, None
        if shared is not None:
            return await shared.ask(turns)
        return await (await self._session()).ask(*turns, history=history)

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script, however it ends."""
        return await (await self._session()).attempt(*turns, history=history)

    def sharing(self, trace: Trace, shared: ManyAsking) -> Verbs:
        """Return the verbs of one of several questions, which share the run that is asked for first."""
        twin = copy.copy(self)
        twin.trace, twin.shared = trace, shared
        return twin

    def leave(self) -> None:
        """Ask for nothing, where a run is to be shared."""
        shared, self.shared = self.shared, None
        if shared is not None:
            shared.leave()

    async def another(self, *, with_servers: bool = True) -> AgentSession:
        """Make one more instance of the agent."""
        entries: Mapping[str, Any] = self._entries if with_servers else {}
        try:
            instance = await self._setting.start(entries)
        except NotScripted as problem:
            raise Unsupported(str(problem)) from problem
        except CannotStart as problem:
            raise Unmet(f"the agent could not be made: {problem}") from problem
        session = AgentSession(self.run, self.trace, instance, entries)
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

    def beat(self) -> Beat:
        """Measure how long the event loop is held by what runs on it."""
        return Beat()

    async def leftovers(self, seconds: float) -> Sequence[str]:
        """Return the names of the processes that the runs' own commands left, and that do not end in time."""
        owners = [each.instance for each in self._sessions if isinstance(each.instance, OwnsProcesses)]
        found = await self.gather(*(each.leftovers(seconds) for each in owners))
        return sorted(name for names in found for name in names)

    def processes(self) -> frozenset[int]:
        """Return the processes below this one; nothing of a command, whose runs have their own."""
        return frozenset() if self.is_command else frozenset(each.pid for each in below(os.getpid()))

    async def strays(self, before: frozenset[int], seconds: float) -> Sequence[str]:
        """Return the names of the processes that have come since, and do not end in time."""
        return () if self.is_command else await strays(before, seconds)

    async def retire(self) -> None:
        """Close what the owner gave a way to close, as the owner would at the end. Raises Unmet where that fails."""
        for session in self._sessions:
            if isinstance(session.instance, Retires):
                _, error = await ended(asyncio.ensure_future(session.instance.retire()))
                if error is not None:
                    raise Unmet(f"closing the agent ended with {error}")

    async def close(self) -> None:
        """Let go of every instance of the agent."""
        for session in self._sessions:
            await torn_down(session.instance.close())

    async def run(self, instance: Instance, entries: Mapping[str, Any], script: Script, history: Any) -> Run:
        """Run an instance once, in a task of its own: what it does to its scopes must not reach ours.

        Raises Unsupported where the script needs several calls in one turn, and the agent cannot be asked for them.
        """
        number = next(self._runs)
        lab, agent = self._setting.lab, self._setting.agent
        conversation = lab.converse(self._key, number, script, self.trace)
        url = base_url(agent.protocol, lab.model_url(conversation))
        model = Model(agent.protocol, url, "test", agent.model)
        task = Task(script.prompt(), entries, model, history)
        with in_flight(conversation):
            running = asyncio.ensure_future(instance.ask(task))
            answer, error = await ended(running)
        text = None if answer is None else answer.text
        stderr = _stderr_of(running) if answer is None else answer.stderr
        self.trace.add(RunRecord(self.trace.now(), number, task.prompt, text, error, stderr))
        if conversation.serial:
            raise Unsupported("the agent asks its model for one call at a time")
        if conversation.apart:
            raise Unsupported("the calls of one turn are of tools that no one delegate of the agent has")
        exchanges = tuple(each for each in self.trace.model if each.run == number)
        kept = None if answer is None else answer.history
        explained = error is not None and not running.cancelled() and is_of(running.exception(), Explained)
        missing = tuple(conversation.missing)
        hidden = Hidden.RESULTS_IN_TEXTS if conversation.told_in_texts else conversation.hidden
        return Run(number, text, error, missing, exchanges, kept, conversation.tried, hidden, explained)

    async def _session(self) -> AgentSession:
        if self._first is None:
            self._first = await self.another()
        return self._first


def _stderr_of(running: asyncio.Future[Any]) -> str:
    """Return what a command that failed wrote to its standard error, or the end of an agent's traceback."""
    problem = None if running.cancelled() else running.exception()
    if is_of(problem, CommandFailed) or is_of(problem, AgentRaised):
        return cast("CommandFailed | AgentRaised", problem).stderr
    return ""
