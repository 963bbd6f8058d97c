"""Vices in how a connection begins, lives and ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import mcp_types as types
from mcp import Client, MCPError
from mcp.client.session import ClientSession

from matrix.adapters.control import Connection, Entry
from matrix.model import REVISIONS, STATEFUL, STATELESS
from tests.saboteurs.honest import Honest
from tests.saboteurs.rewriting import Rewrites
from tests.saboteurs.saboteur import Saboteur


class InsistsOnItsOwnRevision(Honest):
    """Ends a connection to a server that is older than itself."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        client = await super().open(entry, stack)
        if client.protocol_version < STATEFUL:
            raise ConnectionError(f"the server speaks {client.protocol_version}")
        return client


class ProposesAVersionOfItsOwn(Rewrites):
    """Takes the version of its own program for a revision of the protocol."""

    mode = "legacy"

    def sent(self, message: dict[str, Any]) -> Mapping[str, Any]:
        if message.get("method") != "initialize":
            return message
        return {**message, "params": {**message["params"], "protocolVersion": "1.0"}}


class NeverSaysInitialized(Rewrites):
    """Takes the answer to `initialize` for the end of the handshake."""

    def sent(self, message: dict[str, Any]) -> Mapping[str, Any] | None:
        return None if message.get("method") == "notifications/initialized" else message


class KnowsOnlyTheHandshake(Honest):
    """Has never heard of 2026-07-28."""

    mode = "legacy"


class TakesInvalidParamsForTheEnd(Honest):
    """Gives a server up that answers -32602 to `server/discover`."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        client = await super().open(entry, stack)
        if client.protocol_version != STATELESS:
            await self._probe(client.session)
        return client

    async def _probe(self, session: ClientSession) -> None:
        try:
            await session.send_discover(STATELESS)
        except MCPError as problem:
            if problem.code == types.INVALID_PARAMS:
                raise


class EndsWithADeadServer(Honest):
    """Lets one dead server end the run."""

    async def connect(self, name: str, entry: Entry) -> Connection:
        return Connection(name, entry, await self.open(entry, self.stack))


class PromisesSampling(Honest):
    """Advertises sampling, and answers every request for it with an error."""

    def client(self, transport: Any) -> Client:
        async def refuse(*_: Any) -> types.ErrorData:
            return types.ErrorData(code=types.INTERNAL_ERROR, message="not implemented")

        return Client(transport, read_timeout_seconds=self.patience, sampling_callback=refuse)


class AnswersNoPing(Rewrites):
    """Takes a ping of the server for nothing."""

    def received(self, message: dict[str, Any]) -> Mapping[str, Any] | None:
        return None if message.get("method") == "ping" else message


class PingsBeforeItListsTools(Honest):
    """Makes sure that a server is alive, and ends with one that knows no ping."""

    async def list_tools(self, server: Connection) -> list[types.Tool]:
        if server.client.protocol_version != STATELESS:
            await server.client.session.send_ping()
        return await super().list_tools(server)


class LeavesTheServerRunning(Honest):
    """Keeps every process that it has started."""

    kept: ClassVar[set[asyncio.Task[None]]] = set()

    async def connect(self, name: str, entry: Entry) -> Connection | None:
        if "command" not in entry:
            return await super().connect(name, entry)
        opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self.kept.add(asyncio.create_task(self._keep(entry, opened)))
        return Connection(name, entry, await opened)

    async def _keep(self, entry: Entry, opened: asyncio.Future[Client]) -> None:
        async with AsyncExitStack() as stack:
            opened.set_result(await self.open(entry, stack))
            await asyncio.Event().wait()


class LeavesAProcessOfItsOwn(Honest):
    """Leaves a process behind, detached, and with an environment by which nobody finds it."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        subprocess.Popen(  # noqa: ASYNC220
            ["sleep", "86399"], env={"PATH": os.defpath}, cwd="/", start_new_session=True, stdin=subprocess.DEVNULL
        )
        return await super().call(server, tool, arguments)


SABOTEURS: Mapping[str, Saboteur] = {
    "lifecycle.version": Saboteur(
        InsistsOnItsOwnRevision, "was not offered", revisions=REVISIONS[: REVISIONS.index(STATEFUL)]
    ),
    "lifecycle.stateless-2026": Saboteur(KnowsOnlyTheHandshake, "was not offered"),
    "lifecycle.discover-fallback": Saboteur(TakesInvalidParamsForTheEnd, "was not offered"),
    "lifecycle.partial-failure": Saboteur(EndsWithADeadServer, "the run ended with"),
    "lifecycle.honest-capabilities": Saboteur(PromisesSampling, "sampling (error"),
    "lifecycle.ping": Saboteur(AnswersNoPing, "did not answer a ping"),
    "lifecycle.tools-only": Saboteur(PingsBeforeItListsTools, "ping was answered"),
    "lifecycle.shutdown": Saboteur(LeavesTheServerRunning, "still ran", transports=("stdio",)),
}
FURTHER: Sequence[tuple[str, Saboteur]] = (
    (
        "lifecycle.version",
        Saboteur(
            ProposesAVersionOfItsOwn,
            "'1.0', which is no revision",
            related=frozenset(
                {
                    "lifecycle.stateless-2026",  # its handshake is made of an older revision
                }
            ),
        ),
    ),
    ("lifecycle.shutdown", Saboteur(LeavesAProcessOfItsOwn, "the run left sleep running", transport="stdio")),
    ("lifecycle.version", Saboteur(NeverSaysInitialized, "notifications/initialized was never sent")),
)
