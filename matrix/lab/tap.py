"""The tap: in a hermetic run, no request of an agent's process leaves the machine.

Model requests over `httpx2` (the current provider SDKs) are answered at the transport by the scripted model of the
run that they belong to. The agents' own REST calls over `httpx` are answered by respx. Loopback passes; anything
else is refused with a sentence that says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx
import httpx2
import respx

from matrix.lab.protocols import protocol_for
from matrix.lab.protocols.base import WireResponse
from matrix.lab.scripted_model import Conversation

CURRENT: ContextVar[Conversation | None] = ContextVar("CURRENT", default=None)
"""The run that the current task belongs to; tasks and threads that an agent starts inherit it."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Play = Callable[[Conversation, str, bytes], Awaitable[WireResponse]]


@contextmanager
def tapped(play: Play, services: Callable[[respx.MockRouter], None] | None) -> Generator[None]:
    """Tap this process: `play` answers a conversation's model request, `services` adds the agent's REST services."""
    passed_on = httpx2.AsyncHTTPTransport.handle_async_request

    async def handle(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.host in LOOPBACK:
            return await passed_on(self, request)
        conversation = CURRENT.get()
        if conversation is None or protocol_for(request.url.path) is None:
            raise httpx2.ConnectError(_refusal(request.url.host), request=request)
        path = request.url.raw_path.decode("ascii")
        answer = await play(conversation, path, await request.aread())
        return httpx2.Response(
            answer.status, headers={"content-type": answer.content_type}, content=answer.body, request=request
        )

    async def model_over_httpx(request: httpx.Request) -> httpx.Response:
        conversation = CURRENT.get()
        if conversation is None or protocol_for(request.url.path) is None:
            raise httpx.ConnectError(_refusal(request.url.host), request=request)
        path = request.url.raw_path.decode("ascii")
        answer = await play(conversation, path, await request.aread())
        return httpx.Response(answer.status, headers={"content-type": answer.content_type}, content=answer.body)

    with respx.mock(assert_all_called=False) as router:
        router.route(host__in=tuple(sorted(LOOPBACK))).pass_through()
        if services is not None:
            services(router)
        router.route().mock(side_effect=model_over_httpx)
        httpx2.AsyncHTTPTransport.handle_async_request = handle
        try:
            yield
        finally:
            httpx2.AsyncHTTPTransport.handle_async_request = passed_on


def _refusal(host: str) -> str:
    return f"this run is hermetic: {host} is neither loopback nor a service that the agent's row answers for"
