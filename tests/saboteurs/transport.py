"""Vices on the way to a server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx2

from matrix.adapters.control import Entry
from tests.saboteurs.honest import Honest
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    from mcp import Client


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


def _refuse(unknown: bool, transport: str) -> None:
    if unknown:
        raise ValueError(f"unknown transport: {transport}")


SABOTEURS: Mapping[str, Saboteur] = {
    "transport.stdio": Saboteur(
        StartsNoProcess,
        "was not offered",
        related=frozenset(
            {
                "lifecycle.shutdown",  # asks for a process of its own
            }
        ),
    ),
    "transport.http": Saboteur(
        SpeaksNoHttp,
        "was not offered",
        related=frozenset(
            {
                # These are asked over HTTP only.
                "transport.get-rejected",
                "transport.headers",
            }
        ),
        transport="stdio",
    ),
    "transport.sse": Saboteur(SpeaksNoSse, "was not offered"),
    "transport.get-rejected": Saboteur(InsistsOnAStream, "was not offered"),
    "transport.headers": Saboteur(SendsHeadersOnlyOnList, "missing or changed on tools/call"),
}
