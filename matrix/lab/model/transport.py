"""The model transport: in a hermetic run, no request of an agent's process leaves the machine.

Model requests over `httpx2` (the current provider SDKs) are answered at the transport by the scripted model of the
run that they belong to. The agents' own REST calls over `httpx` are answered by respx. Loopback passes; anything
else is refused with a sentence that says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import httpx
import httpx2
import respx

from matrix.lab.model.conversation import Conversation
from matrix.lab.model.protocols import protocol_for
from matrix.lab.model.protocols.base import WireResponse

CURRENT: ContextVar[Conversation | None] = ContextVar("CURRENT", default=None)
"""The run that the current task belongs to; tasks and threads that an agent starts inherit it."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Play = Callable[[Conversation, str, bytes], Awaitable[WireResponse]]
T = TypeVar("T")
_BLOCKING: ContextVar[bool] = ContextVar("_BLOCKING", default=False)
"""Whether the request over `httpx` that is being answered came from a synchronous client."""


@contextmanager
def intercepted(play: Play, services: Callable[[respx.MockRouter], None] | None) -> Generator[None]:
    """Intercept this process's requests: `play` answers those to a model, `services` adds the agent's REST services."""
    passed_on = httpx2.AsyncHTTPTransport.handle_async_request
    passed_on_blocking = httpx2.HTTPTransport.handle_request

    async def answered(conversation: Conversation, request: httpx.Request | httpx2.Request) -> dict[str, Any]:
        answer = await play(conversation, request.url.raw_path.decode("ascii"), request.content)
        return {"status_code": answer.status, "headers": {"content-type": answer.content_type}, "content": answer.body}

    async def handle(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.host in LOOPBACK:
            return await passed_on(self, request)
        conversation = _conversation(request)
        await request.aread()
        return httpx2.Response(**await answered(conversation, request), request=request)

    def handle_blocking(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.host in LOOPBACK:
            return passed_on_blocking(self, request)
        conversation = _conversation(request)
        request.read()
        return httpx2.Response(**_waited_for(answered(conversation, request)), request=request)

    def model_over_httpx(request: httpx.Request) -> httpx.Response | Coroutine[Any, Any, httpx.Response]:
        conversation = _conversation(request)

        async def response() -> httpx.Response:
            return httpx.Response(**await answered(conversation, request))

        return _waited_for(response()) if _BLOCKING.get() else response()

    with _Router(assert_all_called=False) as router:
        router.route(host__in=tuple(sorted(LOOPBACK))).pass_through()
        if services is not None:
            services(router)
        router.route().mock(side_effect=model_over_httpx)
        httpx2.AsyncHTTPTransport.handle_async_request = handle
        httpx2.HTTPTransport.handle_request = handle_blocking
        try:
            yield
        finally:
            httpx2.AsyncHTTPTransport.handle_async_request = passed_on
            httpx2.HTTPTransport.handle_request = passed_on_blocking


class _Router(respx.MockRouter):
    """A router whose side effects can tell a synchronous client from an asynchronous one."""

    def handler(self, request: httpx.Request) -> httpx.Response:
        token = _BLOCKING.set(True)
        try:
            return super().handler(request)
        finally:
            _BLOCKING.reset(token)

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        token = _BLOCKING.set(False)
        try:
            return await super().async_handler(request)
        finally:
            _BLOCKING.reset(token)


def _conversation(request: httpx.Request | httpx2.Request) -> Conversation:
    """Return the conversation that a request to a model belongs to. Raises ConnectError for any other request."""
    conversation = CURRENT.get()
    if conversation is not None and protocol_for(request.url.path) is not None:
        return conversation
    if isinstance(request, httpx.Request):
        raise httpx.ConnectError(_refusal(request.url.host), request=request)
    raise httpx2.ConnectError(_refusal(request.url.host), request=request)


def _waited_for(answer: Coroutine[Any, Any, T]) -> T:
    """Wait in synchronous code, by a loop of another thread: this one may have a loop, which is then blocked."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, answer).result()


def _refusal(host: str) -> str:
    return f"this run is hermetic: {host} is neither loopback nor a service that the agent's row answers for"
