"""The harness, from inside: one agent, its tasks side by side on one event loop; see docs/harness.md.

The standard library alone, Python 3.9 or later: it runs in the agent's own interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import os
import platform
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from ...own_servers import OwnServers
from ...raised import Explained, told
from ...registry.loading import Broken, load
from ..base import CannotStart, Declared, Instance, Model, NotScripted, Retires, Task, WiresItself
from ..target import Starter, started_by
from . import redirect
from .services import answered, respx

PROTOCOL = 1
THREADS = 128
"""As many as the runs of an agent have in our own process."""
TRACEBACK_LINES = 12
PACKAGES = ("mcp", "pydantic-ai-slim", "fastmcp", "openai", "anthropic", "google-genai", "httpx", "httpx2")
"""Whose versions are told, where they are installed."""


class Channel:
    """The protocol's own pair of descriptors: what the agent prints goes to standard error, and it is told nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out = os.dup(1)
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb")
        os.dup2(2, 1)
        silence = os.open(os.devnull, os.O_RDONLY)
        os.dup2(silence, 0)
        os.close(silence)

    def read(self) -> dict[str, Any] | None:
        """Return the next message, None when there will be no more."""
        line = self._in.readline()
        return json.loads(line) if line else None

    def send(self, kind: str, /, **fields: Any) -> None:
        """Send one message."""
        line = json.dumps({"type": kind, **fields}).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._out, line) :]


def main() -> None:
    """Load what the first message names, and serve it until the channel is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel()
    hello = channel.read() or {}
    with contextlib.ExitStack() as stack:
        try:
            start = _loaded(hello)
            if hello.get("services"):
                library, services = respx(), load(hello["services"], Path(hello["folder"]))
                stack.enter_context(answered(library, services))
        except Broken as problem:
            channel.send("broken", cause=problem.cause, mend=problem.mend)
            return
        stack.enter_context(redirect.to_the_model())
        asyncio.run(Harness(channel, start).serve())


def _loaded(hello: Mapping[str, Any]) -> Starter:
    """Import the agent, and what its row says that it needs. Raises Broken."""
    folder = Path(hello["folder"])
    deps = load(hello["deps"], folder) if hello.get("deps") else None
    declared = Declared(deps, OwnServers(hello.get("own_servers") or "drop"), hello.get("model"))
    start = started_by(load(hello["target"], folder), hello["target"], declared)
    if "pydantic_ai" in sys.modules:
        with contextlib.suppress(ImportError):  # where its agents are wanted, that is told of the first
            importlib.import_module("..pydantic_ai", __package__)  # it takes seconds, which are no run's
    return start


class Harness:
    """One agent: its instances by the labels that the other side gives them, and its runs by the ids of their tasks."""

    def __init__(self, channel: Channel, start: Starter) -> None:
        self._channel = channel
        self._start = start
        self._instances: dict[str, Instance] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._histories: dict[int, Any] = {}

    async def serve(self) -> None:
        """Take messages until there are no more; then the process ends, whatever still runs in it."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS))
        threading.Thread(target=self._read, args=(loop,), name="harness", daemon=True).start()
        self._channel.send("ready", protocol=PROTOCOL, instances=True, versions=_versions())
        await asyncio.Event().wait()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand messages to the loop; at their end the process goes, also where the agent blocks its loop."""
        while (message := self._channel.read()) is not None and message["type"] != "close":
            loop.call_soon_threadsafe(self._take, message)
        os._exit(0)

    def _take(self, message: Mapping[str, Any]) -> None:
        number = message["id"]
        if message["type"] == "cancel":
            run = self._runs.get(number)
            if run is not None:
                run.cancel()
            self._channel.send("cancelled", id=number)
            return
        run = asyncio.ensure_future(self._answered(message))
        self._runs[number] = run
        run.add_done_callback(lambda _: self._runs.pop(number, None))

    async def _answered(self, message: Mapping[str, Any]) -> None:
        number = message["id"]
        try:
            fields = await self._done(message)
        except asyncio.CancelledError:
            self._channel.send("error", id=number, message="CancelledError: the run was cancelled from within")
        except BaseException as problem:  # noqa: BLE001  (whatever an agent raises, the others' tasks go on)
            self._channel.send("error", id=number, **_error(problem))
        else:
            self._channel.send("answer", id=number, **fields)

    async def _done(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        label = message["instance"]
        if message["type"] == "make":
            made = self._instances[label] = await self._start(message["mcp_servers"])
            return {"wiring": made.wiring if isinstance(made, WiresItself) else ""}
        if message["type"] == "task":
            return await self._ran(self._instances[label], message)
        instance = self._instances[label] if message["type"] == "retire" else self._instances.pop(label)
        if message["type"] == "drop":
            await instance.close()
        elif isinstance(instance, Retires):
            await instance.retire()
        return {}

    async def _ran(self, instance: Instance, message: Mapping[str, Any]) -> Mapping[str, Any]:
        model = message["model"]
        history = self._histories[message["history"]] if message["history"] is not None else None
        task = Task(
            message["prompt"],
            message["mcp_servers"],
            Model(model["protocol"], model["base_url"], model["api_key"], model["name"]),
            history,
        )
        with redirect.under_way(task.prompt, model["root"]):
            answer = await instance.ask(task)
        token = None
        if answer.history is not None:
            token = len(self._histories)
            self._histories[token] = answer.history
        return {"text": answer.text, "history": token}


def _error(problem: BaseException) -> dict[str, Any]:
    """Return what is told of an exception; its traceback is for the evidence."""
    lines = "".join(traceback.format_exception(type(problem), problem, problem.__traceback__)).splitlines()
    kinds: Mapping[type[BaseException], str] = {
        CannotStart: "cannot-start",
        NotScripted: "not-scripted",
        Explained: "explained",
    }
    return {
        "message": str(problem) if isinstance(problem, CannotStart) else told(problem),
        "kind": kinds.get(type(problem), "raised"),
        "traceback": lines[-TRACEBACK_LINES:],
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
