"""Vices on the way to a server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from matrix.adapters.control import Entry
from matrix.model import STATEFUL, STATELESS
from tests.saboteurs.honest import Honest
from tests.saboteurs.rewriting import Rewrites
from tests.saboteurs.saboteur import Saboteur


class StartsNoProcess(Honest):
    """Knows only servers that have a URL."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        _refuse("command" in entry, "stdio")
        return await super().open(entry, stack)


class SpeaksNoHttp(Honest):
    """Knows no streamable HTTP."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        _refuse(entry.get("type") == "http", "http")
        return await super().open(entry, stack)


class SpeaksNoSse(Honest):
    """Does not know the older transport."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        _refuse(entry.get("type") == "sse", "sse")
        return await super().open(entry, stack)


class InsistsOnAStream(Honest):
    """Takes a server that refuses GET for a broken one."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        if entry.get("type") == "http":
            async with self.http() as http, http.stream("GET", entry["url"]) as response:
                if response.status_code == 405:
                    raise ConnectionError("the server has no event stream")
        return await super().open(entry, stack)


class SendsHeadersOnlyOnList(Honest):
    """Forgets the configured headers when it calls a tool."""

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        async def forget(request: httpx2.Request) -> None:
            if b'"tools/call"' in request.content:
                for name in headers or ():
                    del request.headers[name]

        return super().http(headers, event_hooks={"request": [forget]}, **more)


class SendsNoVersionHeader(Honest):
    """Forgets the revision once it is agreed on."""

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        async def forget(request: httpx2.Request) -> None:
            request.headers.pop("mcp-protocol-version", None)

        return super().http(headers, event_hooks={"request": [forget]}, **more)


class NamesItsNewestRevisionAtOnce(Honest):
    """Names the newest revision that it knows in the header of `initialize` already."""

    mode = "legacy"

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        async def name(request: httpx2.Request) -> None:
            if b'"initialize"' in request.content:
                request.headers["mcp-protocol-version"] = STATELESS

        return super().http(headers, event_hooks={"request": [name]}, **more)


class AcceptsJsonOnly(Honest):
    """Says that it takes JSON alone, where a server may answer in a stream of events."""

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        async def accept(request: httpx2.Request) -> None:
            if request.method == "POST":
                request.headers["accept"] = "application/json"

        return super().http(headers, event_hooks={"request": [accept]}, **more)


class ForgetsOneAcceptedType(Honest):
    """Takes anything, and says so with a wildcard instead of the two types."""

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        async def accept(request: httpx2.Request) -> None:
            if request.method == "POST":
                request.headers["accept"] = "application/json, */*"

        return super().http(headers, event_hooks={"request": [accept]}, **more)


class SendsNull(Rewrites):
    """Writes down what it has not as null."""

    def sent(self, message: dict[str, Any]) -> Mapping[str, Any]:
        if message.get("method") != "tools/list":
            return message
        return {**message, "params": {"cursor": None, **message.get("params", {})}}


class StartsServersInItsOwnFolder(Honest):
    """Never hands on the folder that a server is to be started in."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        return await super().open({name: each for name, each in entry.items() if name != "cwd"}, stack)


class StartsServersWithoutTheirVariables(Honest):
    """Never hands on the variables that a server is declared with."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        return await super().open({name: each for name, each in entry.items() if name != "env"}, stack)


class HandsOnItsWholeEnvironment(Honest):
    """Starts servers with everything that it was started with itself."""

    async def open(self, entry: Entry, stack: AsyncExitStack) -> Client:
        return await super().open({**entry, "env": {**os.environ, **entry.get("env", {})}}, stack)


class GivesUpOnASlowServer(Honest):
    """Waits four seconds for what a server's process has to say."""

    def client(self, transport: Any) -> Client:
        if isinstance(transport, StdioServerParameters):
            return Client(transport, read_timeout_seconds=4.0)
        return super().client(transport)


class EndsWithAnHttpError(Honest):
    """Lets a call that is answered with an HTTP error end the run."""

    refused = False

    def http(self, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.AsyncClient:
        async def look(response: httpx2.Response) -> None:
            self.refused |= response.status_code >= 400 and b'"tools/call"' in response.request.content

        return super().http(headers, event_hooks={"response": [look]}, **more)

    def failed(self, problem: Exception) -> str:
        if self.refused:
            raise problem
        return super().failed(problem)


def _refuse(unknown: bool, transport: str) -> None:
    if unknown:
        raise ValueError(f"unknown transport: {transport}")


SABOTEURS: Mapping[str, Saboteur] = {
    "transport.stdio": Saboteur(StartsNoProcess, "connected to none"),
    "transport.http": Saboteur(SpeaksNoHttp, "connected to none", transport="stdio"),
    "transport.sse": Saboteur(SpeaksNoSse, "connected to none"),
    "transport.env": Saboteur(HandsOnItsWholeEnvironment, "was handed MATRIX_HOST_TOKEN"),
    "transport.slow-start": Saboteur(GivesUpOnASlowServer, "the model was not offered its tools"),
    "transport.http-error": Saboteur(EndsWithAnHttpError, "answered 401 ended the run"),
    "transport.get-rejected": Saboteur(InsistsOnAStream, "was not offered"),
    "transport.headers": Saboteur(SendsHeadersOnlyOnList, "missing or changed on tools/call"),
}
_BOTH = frozenset({"transport.stdio", "transport.http"})
"""A null is one, whichever way it goes."""
FURTHER: Sequence[tuple[str, Saboteur]] = (
    ("transport.stdio", Saboteur(StartsServersInItsOwnFolder, "not started in the folder", transport="stdio")),
    ("transport.stdio", Saboteur(StartsServersWithoutTheirVariables, "without the variable MATRIX", transport="stdio")),
    ("transport.stdio", Saboteur(SendsNull, "tools/list had null at params.cursor", related=_BOTH)),
    ("transport.http", Saboteur(SendsNull, "tools/list had null at params.cursor", related=_BOTH)),
    (
        "transport.http",
        Saboteur(
            SendsNoVersionHeader,
            "MCP-Protocol-Version was missing on POST",
            related=frozenset(
                {
                    "lifecycle.stateless-2026",  # there a server refuses what does not name its revision
                }
            ),
            revisions=(STATEFUL,),
        ),
    ),
    ("transport.http", Saboteur(NamesItsNewestRevisionAtOnce, "initialize was answered 400", revisions=(STATEFUL,))),
    ("transport.http", Saboteur(AcceptsJsonOnly, "was answered 406")),
    ("transport.http", Saboteur(ForgetsOneAcceptedType, "does not list text/event-stream")),
)
