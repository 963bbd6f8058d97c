"""A worker: one agent in a process of its own, its cells concurrent, its lab beside it on a thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import signal
import threading
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import respx

from matrix.adapters.base import Instance, Task
from matrix.adapters.callable import CallableInstance
from matrix.adapters.command import CommandInstance
from matrix.capabilities.verbs import Probe
from matrix.engine.assigned import AssignedServers
from matrix.engine.cell import Setting, execute
from matrix.engine.entry import MARK
from matrix.engine.http_servers import Upstreams
from matrix.engine.messages import NOT_LIVE, Ask, CannotLoad, Done, Job, NotAsked, Ready, WorkerFault
from matrix.engine.process import sweep
from matrix.lab.lab import Lab, Wanted
from matrix.lab.model.conversation import Conversation
from matrix.lab.model.live import recorded
from matrix.lab.model.protocols.base import WireResponse
from matrix.lab.model.transport import tapped
from matrix.lab.servers.real import RealServer, prepare
from matrix.model import Agent, Capability, Cell
from matrix.plan import server_labels
from matrix.registry import environments
from matrix.registry.discovery import find_capabilities, load_real
from matrix.registry.importing import Broken, load, load_stub

HEADERS: Mapping[str, str] = {"X-Matrix-Probe": "kept", "Authorization": "Bearer matrix-probe-token"}
"""What every HTTP server is configured with: what an agent does with it, `transport.headers` asks."""


def main(job: Job, pipe: Connection) -> None:
    """Serve one agent's cells until the parent ends us; the entry point of the process."""
    with contextlib.suppress(OSError):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when an interrupted run ends
    # Agents and their libraries talk; what they say belongs neither into our progress nor into our table.
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    assigned = None if job.assigned is None else AssignedServers(job.assigned)
    for name, value in job.agent.env.items() if job.agent.command is None else ():
        os.environ.setdefault(name, value)
    live = job.live and not job.agent.is_control  # the control has the scripted model in every run
    try:
        start = starter(job.agent)
        if live and _takes_a_task(load(job.agent.target or "", _folder(job.agent))):
            pipe.send(NotAsked(NOT_LIVE))
            return
        services = None if job.agent.services is None or live else load(job.agent.services, _folder(job.agent))
    except Broken as broken:
        pipe.send(CannotLoad(broken.cause, broken.mend))
        return
    try:
        with Lab() as lab, Upstreams() as upstreams:
            worker = Worker(job, pipe, lab, upstreams, start, assigned)
            with recorded() if live else tapped(worker.play, _router(services)):
                pipe.send(Ready())
                asyncio.run(worker.serve())
    except Exception as problem:  # noqa: BLE001  (the parent has to be told)
        pipe.send(WorkerFault(f"{type(problem).__name__}: {problem}"))
    # Threads that an agent has left behind must not keep the process alive.
    os._exit(0)


class Worker:
    """Takes questions from the pipe, runs them concurrently, and sends what they came to."""

    def __init__(
        self,
        job: Job,
        pipe: Connection,
        lab: Lab,
        upstreams: Upstreams,
        start: Callable[[Lab], Callable[[Mapping[str, Any]], Awaitable[Instance]]],
        assigned: AssignedServers | None = None,
    ) -> None:
        self._job = job
        self._pipe = pipe
        self._lab = lab
        self._upstreams = upstreams
        self._assigned = assigned
        self._capabilities = {each.id: each for each in find_capabilities()}
        self._setting = Setting(lab, job.agent, start(lab), self._wanted, self._probes, headers=HEADERS)
        if assigned is not None:
            self._setting = replace(self._setting, hide=assigned.hide)
        self._sending = threading.Lock()

    @cached_property
    def _real(self) -> Mapping[str, RealServer]:
        """The real servers; reading their file costs as much as a few cells, and most cells do without."""
        return load_real(self._job.real)

    def play(self, conversation: Conversation, path: str, body: bytes) -> Awaitable[WireResponse]:
        """Have the lab answer a model request that came through the HTTP client's transport."""
        return self._lab.call(conversation.answer(path, body))

    async def serve(self) -> None:
        """Answer questions until the parent ends this process, or goes away itself."""
        loop = asyncio.get_running_loop()
        incoming: asyncio.Queue[Ask] = asyncio.Queue()

        def read() -> None:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    loop.call_soon_threadsafe(incoming.put_nowait, self._pipe.recv())
            # The parent is gone: so must be everything that carries our mark, ourselves included.
            sweep(os.environ[MARK])
            os._exit(0)

        threading.Thread(target=read, name="questions", daemon=True).start()
        running: set[asyncio.Task[None]] = set()
        while True:
            task = asyncio.create_task(self._one(await incoming.get()))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _one(self, ask: Ask) -> None:
        capability = replace(self._capabilities[ask.cell.capability], deadline=ask.deadline)
        outcome, evidence = await execute(ask.cell, capability, replace(self._setting, party=ask.party), ask.number)
        with self._sending:
            self._pipe.send(Done(outcome, evidence))

    def _wanted(self, cell: Cell, capability: Capability, root: Path) -> Sequence[Wanted]:
        headers: Mapping[str, str] = HEADERS if cell.transport != "stdio" else {}
        if capability.together and self._job.commons is not None:
            return [Wanted(capability.servers[0], upstream=self._job.commons, headers=headers)]
        if self._assigned is not None:
            return [self._assigned.wanted(cell, root)]
        if capability.real:
            server = self._real[cell.server]
            if cell.transport == "http":
                return [Wanted(server.name, upstream=self._upstreams.url(server), headers=headers)]
            return [Wanted(server.name, prepared=prepare(server, root))]
        return [
            Wanted(label, load_stub(name), headers=headers)
            for label, name in zip(server_labels(capability), capability.servers, strict=True)
        ]

    def _probes(self, cell: Cell, token: str, root: Path) -> Sequence[Probe]:
        if self._assigned is not None:
            return self._assigned.probes(cell, token, root)
        root = self._upstreams.root(cell.server) if cell.transport == "http" else root
        filled = [probe.filled(root, token, f"{self._lab.url}/site") for probe in self._real[cell.server].probes]
        return [Probe(each.tool, each.arguments, each.contains) for each in filled]


Starter = Callable[[Mapping[str, Any]], Awaitable[Instance]]


def starter(agent: Agent) -> Callable[[Lab], Starter]:
    """Return what makes instances of the agent, once there is a lab. Raises Broken."""
    if agent.command is not None:
        return _command(agent)
    target: object = load(agent.target or "", _folder(agent))
    if _takes_a_task(target):

        async def make(_: Mapping[str, Any]) -> Instance:
            return CallableInstance(cast("Callable[[Task], Any]", target))

        return lambda _: make
    from pydantic_ai import Agent as PydanticAiAgent  # noqa: PLC0415  (an owner's callable may do without)

    from matrix.adapters import pydantic_ai as adapter  # noqa: PLC0415

    if not (callable(target) or isinstance(target, PydanticAiAgent)):
        msg = f"{agent.target} is a {type(target).__name__}, neither a pydantic_ai.Agent nor a callable"
        raise Broken(msg, "name an agent, a factory of one, or a callable that takes a task")

    async def build(servers: Mapping[str, Any]) -> Instance:
        return await adapter.start(cast("Any", target), servers)

    return lambda _: build


def _takes_a_task(target: object) -> bool:
    """Whether it is a callable with one required parameter, and so takes a task; a factory has none."""
    if not callable(target) or type(target).__module__.startswith("pydantic_ai"):
        return False
    required = [
        name
        for name, each in inspect.signature(target).parameters.items()
        if each.default is each.empty and each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
    ]
    return len(required) == 1 and required[0] != "mcp_servers"


def _command(agent: Agent) -> Callable[[Lab], Starter]:
    command = agent.command
    if command is None:
        msg = f"{agent.name} is no command row"
        raise TypeError(msg)
    bin_path = None if command.environment is None else environments.bin_path(command.environment)

    def bind(lab: Lab) -> Starter:
        async def make(_: Mapping[str, Any]) -> Instance:
            return CommandInstance(command, lab.folder, bin_path, _folder(agent))

        return make

    return bind


def _folder(agent: Agent) -> Path | None:
    return None if agent.folder is None else Path(agent.folder)


def _router(services: Any) -> Callable[[respx.MockRouter], None] | None:
    return cast("Callable[[respx.MockRouter], None] | None", services)
