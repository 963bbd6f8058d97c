"""Executing one cell: set up, put the question, draw the verdict, keep the evidence."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from matrix.adapters.base import CannotStart, Instance, Model, OwnsProcesses, Task, base_url
from matrix.capabilities.verbs import Probe, Run, ServerFault, Unmet, Unsupported
from matrix.engine.evidence import evidence_of
from matrix.lab.lab import Lab, Wanted
from matrix.lab.model.protocols import PROTOCOLS
from matrix.lab.model.protocols.base import OfferedTool
from matrix.lab.model.script import Script, Turn
from matrix.lab.model.transport import CURRENT
from matrix.lab.servers.attachment import FAULTS
from matrix.lab.trace import RunRecord, Trace
from matrix.model import Agent, Capability, Cell, NativeProbe, Outcome, Verdict
from matrix.redaction import one_sentence

T = TypeVar("T")
Starter = Callable[[Mapping[str, Any]], Awaitable[Instance]]
TEARDOWN_SECONDS = 10.0
LEFTOVER_SECONDS = 1.0
"""How long what a command has left behind may take to end before the evidence notes it."""


@dataclass(frozen=True)
class Setting:
    """What a worker has at hand for every cell of its agent."""

    lab: Lab
    agent: Agent
    start: Starter
    wanted: Callable[[Cell, Capability, Path], Sequence[Wanted]]
    """The servers that a cell wants; lays the files of real ones in the given folder."""
    probes: Callable[[Cell, str, Path], Sequence[Probe]]
    party: int = 1
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hide: Callable[[Any], Any] = lambda value: value


async def execute(cell: Cell, capability: Capability, setting: Setting, number: int) -> tuple[Outcome, Any]:
    """Put one cell's question once; returns the outcome and its evidence. Never raises for what an agent does."""
    running = RunningCell(cell, capability, setting, f"c{number}")
    began = time.monotonic()
    verdict, reason = await running.judge()
    reason, again = one_sentence(setting.hide(reason)), setting.agent.registration.given
    outcome = Outcome(cell, verdict, reason, (verdict,), round(time.monotonic() - began, 3), registration=again)
    return outcome, evidence_of(outcome, capability, running.trace, setting.hide)


class RunningCell:
    """A cell in progress: the verbs of its capability, and the judgement on it."""

    def __init__(self, cell: Cell, capability: Capability, setting: Setting, key: str) -> None:
        self.trace = Trace()
        self._cell = cell
        self._capability = capability
        self._setting = setting
        self._key = key
        self._entries: Mapping[str, Any] = {}
        self._root = setting.lab.folder / f"root-{key}"
        self._first: Asked | None = None
        self._asked: list[Asked] = []
        self.runs = 0

    async def judge(self) -> tuple[Verdict, str]:
        """Return the verdict and its reason; teardown comes after the verdict and never changes it."""
        deadline = self._capability.deadline
        work = asyncio.ensure_future(self._put_question())
        try:
            done, _ = await asyncio.wait({work}, timeout=deadline)
            if done:
                judged, error = await _ended(work)
                verdict, reason = judged or (Verdict.ERRORED, f"the check itself ended with {error}")
            else:
                verdict, reason = Verdict.TIMED_OUT, self._what_was_pending(deadline)
        finally:
            await self._tear_down(work)
        faults = [note for note in self.trace.notes if note.startswith(FAULTS)]
        if verdict is not Verdict.PASSED and faults:
            return Verdict.ERRORED, faults[0]
        return verdict, reason

    async def _put_question(self) -> tuple[Verdict, str]:
        try:
            await self._open()
            await self._capability.check(self)
        except Unmet as unmet:
            return Verdict.FAILED, str(unmet)
        except Unsupported as absent:
            return Verdict.UNSUPPORTED, str(absent)
        except ServerFault as fault:
            return Verdict.ERRORED, str(fault)
        except Exception as problem:  # noqa: BLE001  (what an agent raises is caught where it is asked)
            return Verdict.ERRORED, f"the check itself raised {type(problem).__name__}: {problem}"
        return Verdict.PASSED, ""

    async def _open(self) -> None:
        setting, cell = self._setting, self._cell
        self._root.mkdir()
        wanted = await asyncio.to_thread(setting.wanted, cell, self._capability, self._root)
        opening = setting.lab.open(self._key, self.trace, wanted, cell.transport, cell.revision)
        self._entries = await setting.lab.call(opening)

    async def _tear_down(self, work: asyncio.Future[Any]) -> None:
        await _cancelled(work)
        with suppress(Exception):
            left = await self.leftovers(LEFTOVER_SECONDS)
            self.trace.notes += [f"left running after the run: {name}" for name in left]
        for asked in self._asked:
            await _torn_down(asked.instance.close())
        await _torn_down(self._setting.lab.call(self._setting.lab.close(self._key)))

    def _what_was_pending(self, deadline: float) -> str:
        calls = [call for call in self.trace.calls() if call.ended is None]
        last = self.trace.model[-1] if self.trace.model else None
        if calls:
            where = f"the server {calls[-1].server} had not answered {calls[-1].tool}"
        elif last is None:
            where = "the agent had not asked its model for anything"
        else:
            where = f"the agent had last asked its model for turn {len(self.trace.model)}"
        return f"no end within {deadline:g} s: {where}"

    # What a capability is written with (see capabilities/verbs.py).

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
    def native(self) -> NativeProbe | None:
        """One of the agent's own tools."""
        return self._setting.agent.native

    @property
    def party(self) -> int:
        """How many agents use the server together."""
        return self._setting.party

    def nonce(self, label: object = "") -> str:
        """Return a text that occurs nowhere else, the same in every run of this cell."""
        return "n" + hashlib.sha256(f"{self._cell.id} {label}".encode()).hexdigest()[:10]

    def probes(self, label: object = "") -> Sequence[Probe]:
        """Return the real server's probes with a token of this label."""
        return self._setting.probes(self._cell, self.nonce(label), self._root)

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Return the provider's rules that these tools break."""
        seen = self.trace.model[-1].protocol if self.trace.model else self._setting.agent.protocol
        return PROTOCOLS[seen].violations(offered)

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script; it has to end well."""
        return await (await self._agent()).ask(*turns, history=history)

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script, however it ends."""
        return await (await self._agent()).attempt(*turns, history=history)

    async def another(self, *, with_servers: bool = True) -> Asked:
        """Make one more instance of the agent."""
        entries: Mapping[str, Any] = self._entries if with_servers else {}
        try:
            instance = await self._setting.start(entries)
        except CannotStart as problem:
            msg = f"the agent could not be made: {problem}"
            raise Unmet(msg) from problem
        asked = Asked(self, instance, entries)
        self._asked.append(asked)
        return asked

    async def gather(self, *runs: Awaitable[T]) -> list[T]:
        """Await these together; the first failure cancels the others."""
        tasks = [asyncio.ensure_future(run) for run in runs]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                await _cancelled(task)

    async def leftovers(self, seconds: float) -> Sequence[str]:
        """Return the names of the processes that the runs' own commands left, and that do not end in time."""
        owners = [each.instance for each in self._asked if isinstance(each.instance, OwnsProcesses)]
        found = await self.gather(*(each.leftovers(seconds) for each in owners))
        return sorted(name for names in found for name in names)

    async def _agent(self) -> Asked:
        if self._first is None:
            self._first = await self.another()
        return self._first

    async def run(self, instance: Instance, entries: Mapping[str, Any], script: Script, history: Any) -> Run:
        """Run an instance once, in a task of its own: what it does to its scopes must not reach ours."""
        number, self.runs = self.runs, self.runs + 1
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
        answer, error = await _ended(running)
        self.trace.add(RunRecord(self.trace.now(), number, task.prompt, None if answer is None else answer.text, error))
        exchanges = tuple(each for each in self.trace.model if each.run == number)
        text = None if answer is None else answer.text
        kept = None if answer is None else answer.history
        return Run(number, text, error, tuple(conversation.missing), exchanges, kept)


@dataclass(frozen=True)
class Asked:
    """One instance of the agent in a cell."""

    cell: RunningCell
    instance: Instance
    entries: Mapping[str, Any]

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script, however it ends."""
        return await self.cell.run(self.instance, self.entries, Script(turns), history)

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script; it has to end well, with every tool of the script offered."""
        run = await self.attempt(*turns, history=history)
        if run.error is not None:
            msg = f"the run ended with {run.error}"
            raise Unmet(msg)
        if run.missing:
            names = sorted(tool.name for tool in run.offered)
            shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            msg = f"the tool {run.missing[0]} was not offered to the model, which was offered {shown or 'none'}"
            raise Unmet(msg)
        wanted = sum(1 for turn in turns if turn.calls)
        if wanted and not run.offered:
            msg = "the model was offered no tools at all" if run.exchanges else "the agent asked no model at all"
            raise Unmet(msg)
        return run


async def _ended(running: asyncio.Future[T]) -> tuple[T | None, str | None]:
    """Wait for a run; a cancellation that is not ours is the agent's own failure."""
    try:
        await asyncio.wait({running})
    except asyncio.CancelledError:
        await _cancelled(running)
        raise
    if running.cancelled():
        return None, "CancelledError: the run was cancelled from within"
    problem = running.exception()
    if problem is None:
        return running.result(), None
    return None, told(problem)


def told(problem: BaseException) -> str:
    """Return an exception in one line, the innermost of a group that holds only one."""
    while isinstance(problem, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", problem).exceptions
        problem = inner[0]
    return f"{type(problem).__name__}: {problem}".rstrip(": ")


async def _torn_down(work: Coroutine[Any, Any, None]) -> None:
    """Give what tears down its time, in a task of its own; however it ends, the verdict stands."""
    ending = asyncio.gather(work, return_exceptions=True)
    await asyncio.wait({ending}, timeout=TEARDOWN_SECONDS)
    await _cancelled(ending)


async def _cancelled(task: asyncio.Future[Any] | Coroutine[Any, Any, Any]) -> None:
    """Cancel a task and give it a while to end; one that will not is left behind."""
    future = asyncio.ensure_future(task)
    if future.done():
        return
    future.cancel()
    await asyncio.wait({future}, timeout=TEARDOWN_SECONDS)
