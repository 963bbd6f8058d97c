"""A worker: one agent in a process of its own, its cells concurrent, its lab beside it on a thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import anyio.to_thread
import respx

from matrix.adapters import certificate
from matrix.adapters.base import LivesApart
from matrix.adapters.choose import imported, starter, takes_its_model_from_the_task
from matrix.adapters.provider_keys import set_variables
from matrix.adapters.target import Starter
from matrix.capabilities.registry import find_capabilities
from matrix.engine import tampering
from matrix.engine.cell import execute
from matrix.engine.channel import Channel
from matrix.engine.loop_watch import LoopWatch
from matrix.engine.messages import (
    NOT_LIVE,
    Ask,
    CannotLoad,
    Condition,
    Done,
    Job,
    LastWords,
    NotAsked,
    Ready,
    WorkerFault,
    encoded,
    question,
)
from matrix.engine.verbs import Setting
from matrix.lab.lab import Lab
from matrix.lab.model.conversation import Conversation
from matrix.lab.model.live import recorded
from matrix.lab.model.protocols.base import WireResponse
from matrix.lab.model.transport import intercepted
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stubs import load_stub
from matrix.model import HOST_VARIABLE, Capability, Cell, Probe, Transport, Verdict
from matrix.outcome import Blame, Outcome
from matrix.plan import server_labels
from matrix.raised import is_of, told
from matrix.redaction import printable
from matrix.registry.importing import Broken
from matrix.sources import HttpServer, OpenServers

HEADERS: Mapping[str, str] = {"X-Matrix-Probe": "kept", "Authorization": "Bearer matrix-probe-token"}
"""What every HTTP server is configured with: what an agent does with it, `transport.headers` asks."""
THREADS = 128
"""How many threads the runs of an agent may have, of asyncio and anyio: Python's own number is that of the processors
and four, so that on a small machine sixteen runs at once would wait for one another for ever."""
_LOOK_SECONDS = 1.0
"""How often it is looked whether the agent has closed our end of the channel."""
ENVIRONMENT: Mapping[str, str] = {"MATRIX_DECLARED": "kept"}
"""What every stub is configured with over stdio: whether an agent hands it on, `transport.stdio` asks."""


def main(job: Job, channel: Channel, folder: Path) -> None:
    """Serve one agent's cells until the parent ends us; the entry point of the process."""
    _set_apart()
    os.environ[HOST_VARIABLE] = "nobody declared this"
    with contextlib.ExitStack() as stack:
        # Before the agent's own code is loaded: that must not read what the servers are given.
        servers = stack.enter_context(job.servers.open())
        live = job.live and not job.agent.is_control  # the control has the scripted model in every run
        if not live and job.scratch is not None:
            certificate.trust_it_alone(os.environ, job.scratch)
        if job.agent.command is None and job.agent.harness is None:
            set_variables(job.agent, os.environ, live=live)
        try:
            start = starter(job.agent)
            if live and takes_its_model_from_the_task(job.agent):
                channel.send(encoded(NotAsked(NOT_LIVE)))
                return
            apart = job.agent.harness is not None  # where its services are answered too
            wanted = None if live or apart else job.agent.services
            services = None if wanted is None else imported(job.agent, wanted)
        except Broken as broken:
            channel.send(encoded(CannotLoad(printable(broken.cause), printable(broken.mend))))
            return
        try:
            lab = stack.enter_context(Lab(folder))
            worker = Worker(job, channel, lab, servers, start(lab.folder))
            with recorded() if live else intercepted(worker.play, _router(services), lab.url):
                _run(worker, channel)
        except Exception as problem:  # noqa: BLE001  (the parent has to be told)
            did, failed = tampering.found(), printable(told(problem))
            channel.send(encoded(WorkerFault(failed) if did is None else LastWords(f"{did}; then {failed}")))
    # Threads that an agent has left behind must not keep the process alive.
    os._exit(0)


def _run(worker: Worker, channel: Channel) -> None:
    """Serve until the parent ends us, or the agent does; then its last words are sent before anything is torn down."""
    try:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    except BaseException as problem:  # noqa: BLE001
        channel.send(encoded(LastWords(f"set an event loop policy that makes no loop: {printable(told(problem))}")))
        os._exit(1)
    channel.send(encoded(Ready()))
    serving = loop.create_task(worker.serve())
    try:
        loop.run_until_complete(serving)
    except SystemExit as problem:
        did = f"called sys.exit({problem.code!r})"
    except BaseException as problem:
        if (tampered := tampering.found()) is not None:
            did = f"{tampered}; then its event loop ended with {told(problem)}"
        elif serving.done() and not serving.cancelled():
            raise
        elif serving.done():
            did = "cancelled every task of its event loop"
        else:
            did = "stopped its event loop" if is_of(problem, RuntimeError) else f"raised {told(problem)}"
    else:
        did = "ended its event loop"
    channel.send(encoded(LastWords(printable(did))))
    os._exit(1)


def _set_apart() -> None:
    """Make the process one that ends when its parent wants, and whose agent's words go nowhere."""
    with contextlib.suppress(OSError):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when an interrupted run ends
    # Agents and their libraries talk; what they say belongs neither into our progress nor into our table.
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    del sys.argv[1:]  # what an agent's module may parse are not the words of our own command line
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


@dataclass
class _Company:
    """Whether a cell in flight has, or has had, others beside it."""

    others: bool


class Worker:
    """Takes questions from the pipe, runs them concurrently, and sends what they came to."""

    def __init__(self, job: Job, channel: Channel, lab: Lab, servers: OpenServers, start: Starter) -> None:
        self._job = job
        self._channel = channel
        self._lab = lab
        self._servers = servers
        self._capabilities = {each.id: each for each in find_capabilities()}
        self._setting = Setting(lab, job.agent, start, self._attached, self._probes, headers=HEADERS, hide=servers.hide)
        self._sending = threading.Lock()
        self._in_flight: dict[int, _Company] = {}

    def play(self, conversation: Conversation, path: str, body: bytes) -> Awaitable[WireResponse]:
        """Have the lab answer a model request that came through the HTTP client's transport."""
        return self._lab.call(conversation.answer(path, body))

    async def serve(self) -> None:
        """Answer questions until the parent ends this process, or goes away itself."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS))
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        self._setting = replace(self._setting, watched=LoopWatch(self._tell).over)
        incoming: asyncio.Queue[Ask] = asyncio.Queue()

        def read() -> None:
            while not self._channel.has_ended:
                self._channel.wait(_LOOK_SECONDS)
                for body in self._channel.received():
                    loop.call_soon_threadsafe(incoming.put_nowait, question(body))
            # The parent is gone, or the agent has closed the line to it: either way somebody else ends us.

        threading.Thread(target=read, name="questions", daemon=True).start()
        running: set[asyncio.Task[None]] = set()
        while True:
            task = asyncio.create_task(self._one(await incoming.get()))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _one(self, ask: Ask) -> None:
        losses, company = self._losses(), self._arrives(ask.number)
        limits = {"deadline": ask.deadline, "start_up": ask.start_up, "silence": ask.silence}
        asked = [(each, replace(self._capabilities[each.capability], **limits)) for each in ask.cells]
        setting = replace(self._setting, group_size=ask.group_size)
        try:
            done = await execute(asked, setting, ask.number)
        except Exception as problem:  # noqa: BLE001  (a cell without an outcome would be taken for one that blocks)
            reason = printable(f"the worker could not tell what it saw: {told(problem)}")
            done = [(Outcome.of_one_attempt(each, Verdict.ERRORED, reason), None) for each in ask.cells]
        del self._in_flight[ask.number]
        lost = self._losses() > losses
        for outcome, evidence in done:
            self._send(outcome, evidence, lost=lost, alone=not company.others)

    def _losses(self) -> int:
        """Return how often the process that the agent lives in was lost, where that is not this one."""
        start = self._setting.start
        return start.losses if isinstance(start, LivesApart) else 0

    def _arrives(self, number: int) -> _Company:
        """Note that a cell is in flight, with those that are."""
        company = _Company(others=bool(self._in_flight))
        for each in self._in_flight.values():
            each.others = True
        self._in_flight[number] = company
        return company

    def _send(self, outcome: Outcome, evidence: Any, *, lost: bool, alone: bool) -> None:
        """Send what a cell came to; where it is red, with what the agent has done to our process."""
        if outcome.is_red and (did := tampering.found()) is not None:
            outcome = _after(printable(did), outcome)
        done = Done(outcome, evidence, lost and outcome.verdict is not Verdict.PASSED, alone)
        try:
            message = encoded(done)
        except ValueError as problem:
            kept = {"cell": outcome.cell.id, "lost": f"the evidence is no JSON: {problem}"}
            message = encoded(replace(done, evidence=kept))
        self._say(message)

    def _tell(self, condition: Condition) -> None:
        self._say(encoded(condition))

    def _say(self, message: bytes) -> None:
        with self._sending:
            self._channel.send(message)

    def _attached(self, cell: Cell, capability: Capability, root: Path) -> Sequence[ServerSpec]:
        over_stdio = cell.transport is Transport.STDIO
        headers: Mapping[str, str] = {} if over_stdio else HEADERS
        env: Mapping[str, str] = ENVIRONMENT if over_stdio else {}
        if capability.together and self._job.shared is not None:
            return [ServerSpec(capability.servers[0], HttpServer(self._job.shared), headers)]
        if capability.real:
            server = self._servers.attach(cell, root)
            return [ServerSpec(cell.server, server, {} if server.private else headers)]
        return [
            ServerSpec(label, StubServer(load_stub(name)), headers, env)
            for label, name in zip(server_labels(capability), capability.servers, strict=True)
        ]

    def _probes(self, cell: Cell, token: str, root: Path) -> Sequence[Probe]:
        return self._servers.probes(cell, token, root, f"{self._lab.url}/site")


def _after(did: str, red: Outcome) -> Outcome:
    """Return what a cell came to with what the agent did to its process, which a fault of ours there follows from."""
    reason = f"the agent {did}; then {red.reason}"
    if red.blamed_on is Blame.MATRIX:
        return Outcome.of_one_attempt(red.cell, Verdict.FAILED, reason)
    return replace(red, reason=reason)


def _router(services: Any) -> Callable[[respx.MockRouter], None] | None:
    return cast("Callable[[respx.MockRouter], None] | None", services)
