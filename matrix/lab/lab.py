"""The lab that a worker holds: stubs resident on loopback and behind bridges, the scripted model, the recorders.

It lives on a thread and an event loop of its own: an agent that blocks its loop, or calls a server from
synchronous code, still finds its servers answering.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import tempfile
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn

from matrix.lab.model.conversation import Conversation
from matrix.lab.script import Script
from matrix.lab.servers.attach import attach
from matrix.lab.servers.attachment import AnyAttachment, DeadStub, ProxiedServer, ResidentStub, WatchedServer
from matrix.lab.servers.http import HttpEnd
from matrix.lab.servers.spec import ServerSpec, StubServer
from matrix.lab.servers.stdio import StdioEnd, bridge_argv
from matrix.lab.trace import Trace
from matrix.model import Transport
from matrix.redaction import LAB_FOLDER

T = TypeVar("T")
CLOSING_SECONDS = 5.0
"""How long what a cell has open may take to end before it is left behind."""
KEEP_ALIVE_SECONDS = 6 * 60 * 60
"""How long an idle connection stays open: a client that uses one just as it is closed sees a fault that is ours."""


class Lab:
    """Stubs, scripted model and recorders, on a thread of their own; a context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        self._made = ExitStack()
        self._folder = folder or Path(self._made.enter_context(tempfile.TemporaryDirectory(prefix=LAB_FOLDER)))
        self._attachments: dict[str, AnyAttachment] = {}
        self._conversations: dict[str, Conversation] = {}
        self._cells: dict[str, _OpenCell] = {}
        self._loop = asyncio.SelectorEventLoop()  # whatever policy the agent has set
        self._thread = threading.Thread(target=self._serve, name="lab", daemon=True)
        self._ready: Future[int] = Future()
        self._stopping = asyncio.Event()
        self._http = HttpEnd(self._conversations)
        self._stdio = StdioEnd(self.folder / "lab.sock", self._attachments)
        self.port = 0

    @property
    def folder(self) -> Path:
        """The lab's folder: the one that it was given, or a temporary one that goes away with it."""
        return self._folder

    @property
    def url(self) -> str:
        """Where the lab serves on loopback."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._ready.result()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # where the lab has ended by itself, its loop is closed
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._made.close()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the lab's loop, and wait for it on the caller's."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def open(
        self, cell: str, trace: Trace, servers: Sequence[ServerSpec], transport: Transport, revision: str
    ) -> dict[str, Any]:
        """Attach servers to a cell and return their `mcpServers` entries; on the lab's loop, through `call`.

        Raises ValueError for a server that is not to be had over this transport.
        """
        opened = _OpenCell(transport, Path(tempfile.mkdtemp(prefix="cell-", dir=self.folder)))
        self._cells[cell] = opened
        room = next((each.server.stub.new_room() for each in servers if isinstance(each.server, StubServer)), None)
        entries: dict[str, Any] = {}
        for number, spec in enumerate(servers):
            key = f"{cell}-{number}"
            attachment = attach(spec, key, trace, transport=transport, revision=revision, room=room)
            self._attachments[key] = attachment
            opened.attachments.append(attachment)
            entries[spec.name] = self._entry(opened, attachment, spec)
        serving = asyncio.ensure_future(opened.serve(self._http))
        await opened.serving.wait()
        if serving.done():
            serving.result()
        opened.task = serving
        return entries

    def _entry(self, opened: _OpenCell, attachment: AnyAttachment, spec: ServerSpec) -> dict[str, Any]:
        """Return what the agent is to configure; of a watched server its environment and folder, as it starts it."""
        if opened.transport is Transport.STDIO:
            command, *args = bridge_argv(self.folder / "lab.sock", attachment)
            env, cwd = dict(spec.env), opened.folder
            if isinstance(attachment, WatchedServer):
                env, cwd = {**attachment.start.env, **env}, attachment.start.cwd
            return {"command": command, "args": args, "env": env, "cwd": str(cwd)}
        url = f"{self.url}/{'sse' if opened.transport is Transport.SSE else 'mcp'}/{attachment.key}"
        if isinstance(attachment, DeadStub):
            url = f"http://127.0.0.1:{opened.refuse()}/mcp"
        entry: dict[str, Any] = {"type": opened.transport.value, "url": url}
        return {**entry, "headers": dict(spec.headers)} if spec.headers else entry

    async def close(self, cell: str) -> None:
        """Detach a cell's servers."""
        opened = self._cells.pop(cell, None)
        if opened is None:
            return
        for attachment in opened.attachments:
            self._attachments.pop(attachment.key, None)
            attachment.hang_up()
        bridges = [bridge for attachment in opened.attachments for bridge in attachment.bridges]
        if bridges:  # so that the trace has their end
            await asyncio.wait(bridges, timeout=CLOSING_SECONDS)
        await opened.close()
        for key in opened.conversations:
            del self._conversations[key]

    def converse(self, cell: str, run: int, script: Script, trace: Trace) -> Conversation:
        """Begin a conversation: a run of the agent that the scripted model will play."""
        conversation = Conversation(f"{cell}-r{run}", run, script, trace)
        self._conversations[conversation.key] = conversation
        if (opened := self._cells.get(cell)) is not None:
            opened.conversations.append(conversation.key)
        return conversation

    def model_url(self, conversation: Conversation) -> str:
        """Where an agent in another process finds the scripted model of this run, without a version path."""
        return f"{self.url}/model/{conversation.key}"

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._main())
        except BaseException as problem:
            if not self._ready.done():
                self._ready.set_exception(problem)
            logging.getLogger(__name__).exception("the lab ended")

    async def _main(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        config = uvicorn.Config(
            self._http,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ws="none",
            access_log=False,
        )
        server = uvicorn.Server(config)
        await self._stdio.start()
        serving = asyncio.ensure_future(server.serve([listener]))
        self._ready.set_result(listener.getsockname()[1])
        await self._stopping.wait()
        for cell in list(self._cells):
            await self.close(cell)
        await self._stdio.stop()
        server.should_exit = True
        await serving


@dataclass
class _OpenCell:
    transport: Transport
    folder: Path
    attachments: list[AnyAttachment] = field(default_factory=list[AnyAttachment])
    conversations: list[str] = field(default_factory=list[str])
    serving: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Future[None] | None = None
    refusing: list[socket.socket] = field(default_factory=list[socket.socket])

    async def serve(self, http: HttpEnd) -> None:
        """Serve the attachments over HTTP until the cell closes; stdio ones wait behind their socket."""
        try:
            async with AsyncExitStack() as stack:
                for attachment in self.attachments if self.transport is not Transport.STDIO else []:
                    if isinstance(attachment, ResidentStub | ProxiedServer):
                        await stack.enter_async_context(http.serving(attachment, self.transport))
                self.serving.set()
                await self.closing.wait()
        finally:
            self.serving.set()

    def refuse(self) -> int:
        """Return a port where connections are refused for as long as the cell is open: bound, not listening."""
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        self.refusing.append(taken)
        return taken.getsockname()[1]

    async def close(self) -> None:
        self.closing.set()
        if self.task is not None:
            with contextlib.suppress(TimeoutError, Exception):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self.task
        for taken in self.refusing:
            taken.close()
