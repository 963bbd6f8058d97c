"""Agents that live in a harness: one process for all instances of a row, started anew where it was lost."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix.adapters.base import Answer, CannotStart, NotScripted, Task, root_url
from matrix.adapters.command import PASSED_ON
from matrix.adapters.harness.process import HarnessProcess, Lost, Message, Start
from matrix.adapters.provider_keys import set_variables
from matrix.harness_spec import Harness, HarnessKind
from matrix.model import Agent
from matrix.placeholders import fill
from matrix.raised import Explained, Told
from matrix.registry.loading import Broken

CANCEL_SECONDS = 5.0
"""How long an agent's event loop may take to hear that a run is cancelled; then it is taken for blocked."""
ENDING_SECONDS = 4.0
"""How long a run that has heard it may take to end before it is left to itself."""
BLOCKED = "the agent blocked its event loop"
_FILES = {HarnessKind.PYTHON: "start.py", HarnessKind.NODE: "harness.mjs"}
_PROTOCOL_ON_3 = ("sh", "-c", 'exec "$0" "$@" 3>&1 1>&2')
"""Node cannot move its descriptors, so a shell does it, whose process becomes Node's."""


class AgentRaised(Told):
    """What the agent raised in its own process; `stderr` has the end of its traceback."""

    def __init__(self, text: str, stderr: str = "") -> None:
        super().__init__(text)
        self.stderr = stderr


class HarnessStarter:
    """Makes instances of a row's agent, all in one process; `losses` is how often that was lost."""

    def __init__(self, agent: Agent, harness: Harness, bin_path: Path | None, model: str | None) -> None:
        self._agent = agent
        self._harness = harness
        self._bin_path = bin_path
        self._model = model
        self._labels = itertools.count()
        self._starting = threading.Lock()
        self._running: _Running | None = None
        self._losses = 0

    @property
    def losses(self) -> int:
        """How often the process has been lost so far."""
        lost = self._running is not None and self._running.process.lost is not None
        return self._losses + lost

    def load(self) -> None:
        """Start the process, and have it import the agent. Raises Broken."""
        self._living()

    async def __call__(self, servers: Mapping[str, Any]) -> HarnessInstance:
        """Make an instance. Raises CannotStart."""
        try:
            running = await asyncio.to_thread(self._living)
        except Broken as broken:
            raise CannotStart(str(broken)) from broken
        instance = HarnessInstance(running.process, f"i{next(self._labels)}", makes=running.makes_instances)
        await instance.make(servers)
        return instance

    def _living(self) -> _Running:
        """Return the process that runs, or start one. Raises Broken."""
        with self._starting:
            if self._running is None or self._running.process.lost is not None:
                self._losses = self.losses
                self._running = None
                self._running = self._started()
            return self._running

    def _started(self) -> _Running:
        home = Path(tempfile.mkdtemp(prefix="harness-"))
        values = {"bin": str(self._bin_path or ""), "folder": self._agent.folder or ""}
        file = _FILES.get(self._harness.kind)
        program = [fill(each, values) for each in self._harness.argv]
        aside = _PROTOCOL_ON_3 if self._harness.kind is HarnessKind.NODE else ()
        argv = [*aside, *program, *_own(file)]
        start = Start(argv, self._environment(home), Path(self._agent.folder or home), home)
        target = self._agent.target or ""
        try:
            process = HarnessProcess(start)
            said = process.hello(
                target=target,
                folder=str(start.folder),
                deps=self._agent.deps,
                own_servers=self._agent.own_servers.value,
                model=self._model,
                services=self._agent.services,
                packages="" if self._bin_path is None else str(self._bin_path.parent),
            )
        except OSError as problem:
            cause = f"{program[0]} cannot be started: {problem.strerror or problem}"
            raise Broken(cause, "correct what the row is started with") from problem
        except Lost as lost:
            raise Broken(f"{target} cannot be loaded: {lost}", f"import it with {program[0]} in a shell") from lost
        if said["type"] == "broken":
            raise Broken(str(said.get("cause")), str(said.get("mend")))
        return _Running(process, bool(said.get("instances")))

    def _environment(self, home: Path) -> Mapping[str, str]:
        """Return the variables of the process: few of ours, and what its row says."""
        env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        if self._bin_path is not None:
            env["PATH"] = f"{self._bin_path}{os.pathsep}{env.get('PATH', os.defpath)}"
        env["HOME"] = str(home)
        set_variables(self._agent, env, live=False)
        return env


@dataclass(frozen=True)
class _Running:
    """A process that has imported its agent; whether it is told of instances, or of tasks alone."""

    process: HarnessProcess
    makes_instances: bool


class HarnessInstance:
    """An instance of an agent that lives in a harness."""

    def __init__(self, process: HarnessProcess, label: str, *, makes: bool) -> None:
        self._process = process
        self._label = label
        self._makes = makes
        self.wiring = ""

    async def make(self, servers: Mapping[str, Any]) -> None:
        """Have it made. Raises CannotStart."""
        if self._makes:
            try:
                made = await self._asked("make", mcp_servers=dict(servers))
            except AgentRaised as raised:
                raise CannotStart(f"its library cannot be used from outside: {raised}") from raised
            self.wiring = str(made.get("wiring") or "")

    async def ask(self, task: Task) -> Answer:
        """Run the agent once. Raises AgentRaised, Explained, and Lost where its process is lost meanwhile."""
        model = task.model
        answer = await self._asked(
            "task",
            prompt=task.prompt,
            mcp_servers=dict(task.mcp_servers),
            model={
                "protocol": model.protocol,
                "base_url": model.base_url,
                "root": root_url(model),
                "api_key": model.api_key,
                "name": model.name,
            },
            history=task.history,
        )
        text = answer.get("text")
        if not isinstance(text, str):
            raise Explained("the harness answered without a text")
        return Answer(text, answer.get("history"))

    async def retire(self) -> None:
        """Close what the owner gave a way to close. Raises what that raises."""
        if self._makes:
            await self._asked("retire")

    async def close(self) -> None:
        """Let go of the instance."""
        if self._makes and self._process.lost is None:
            await self._asked("drop")

    async def _asked(self, kind: str, **fields: Any) -> Message:
        number, future = self._process.request(kind, instance=self._label, **fields)
        answer = asyncio.ensure_future(asyncio.wrap_future(future))
        try:
            await asyncio.wait({answer})
        except asyncio.CancelledError:
            await self._cancel(number, answer)
            raise
        message = answer.result()
        if message["type"] == "error":
            raise _raised(message)
        return message

    async def _cancel(self, number: str, answer: asyncio.Future[Message]) -> None:
        """Cancel a run; one whose loop does not even hear of it takes the process, and all runs in it, along."""
        heard = asyncio.wrap_future(self._process.cancel(number))
        await asyncio.wait({heard, answer}, timeout=CANCEL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done() and not answer.done():
            await asyncio.to_thread(self._process.end, BLOCKED)
        await asyncio.wait({answer}, timeout=ENDING_SECONDS)
        if answer.done():
            answer.exception()  # nobody is told of it any more
        else:
            answer.cancel()


def _own(file: str | None) -> Sequence[str]:
    return [] if file is None else [str(Path(__file__).with_name(file))]


def _raised(message: Message) -> Exception:
    """Return what is raised here for what was raised there."""
    text = str(message.get("message"))
    match message.get("kind"):
        case "cannot-start":
            return CannotStart(text)
        case "not-scripted":
            return NotScripted(text)
        case "explained":
            return Explained(text)
        case _:
            lines: Sequence[object] = message.get("traceback") or ()
            return AgentRaised(text, "\n".join(map(str, lines)))
