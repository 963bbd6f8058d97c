"""The model transport: in a hermetic run, no request of an agent's process leaves the machine.

Model requests over `httpx2` (the current provider SDKs) are answered at the transport by the scripted model of the
run that they belong to, wherever they are sent. The agents' own REST calls over `httpx` are answered by respx. What
else goes to loopback passes; anything else is refused with a sentence that says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import httpx
import httpx2
import respx

from matrix.json_access import mapping
from matrix.lab.model.conversation import Conversation
from matrix.lab.model.in_flight import WhoseIsIt, inherited_by_threads, run_of
from matrix.lab.model.protocols import PROTOCOLS, protocol_for
from matrix.lab.model.protocols.base import WireResponse

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Play = Callable[[Conversation, str, bytes], Awaitable[WireResponse]]
T = TypeVar("T")
_BLOCKING: ContextVar[bool] = ContextVar("_BLOCKING", default=False)
"""Whether the request over `httpx` that is being answered came from a synchronous client."""


@contextmanager
def intercepted(play: Play, services: Callable[[respx.MockRouter], None] | None, lab_url: str = "") -> Generator[None]:
    """Intercept this process's requests: `play` answers those to a model, `services` adds the agent's REST services.

    What is sent to `lab_url` finds its own way there.
    """
    tap = _Tap(play, httpx2.URL(lab_url).netloc)
    passed_on = httpx2.AsyncHTTPTransport.handle_async_request
    passed_on_blocking = httpx2.HTTPTransport.handle_request

    async def handle(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if tap.lets_pass(request):
            return await passed_on(self, request)
        await request.aread()
        if not _is_for_a_model(request):
            return await passed_on(self, request)
        return httpx2.Response(**await tap.answer(request), request=request)

    def handle_blocking(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if tap.lets_pass(request):
            return passed_on_blocking(self, request)
        request.read()
        if not _is_for_a_model(request):
            return passed_on_blocking(self, request)
        return httpx2.Response(**_waited_for(tap.answer(request)), request=request)

    with _Router(assert_all_called=False) as router, inherited_by_threads():
        local = tuple(sorted(LOOPBACK))
        router.route(method="POST", host__in=local).mock(side_effect=tap.answer_over_httpx_on_loopback)
        router.route(host__in=local).pass_through()
        if services is not None:
            services(router)
        router.route().mock(side_effect=tap.answer_over_httpx)
        httpx2.AsyncHTTPTransport.handle_async_request = handle
        httpx2.HTTPTransport.handle_request = handle_blocking
        try:
            yield
        finally:
            httpx2.AsyncHTTPTransport.handle_async_request = passed_on
            httpx2.HTTPTransport.handle_request = passed_on_blocking


class _Tap:
    """Answers the requests to a model; `lab` is where the lab is served, as a URL has it."""

    def __init__(self, play: Play, lab: bytes) -> None:
        self._play = play
        self._lab = lab

    def lets_pass(self, request: httpx.Request | httpx2.Request) -> bool:
        """Whether it can be told, before the body is read, that a request goes its own way."""
        return request.url.netloc == self._lab or (request.url.host in LOOPBACK and not _may_be_for_a_model(request))

    def answer(self, request: httpx.Request | httpx2.Request) -> Coroutine[Any, Any, dict[str, Any]]:
        """Return what comes to be the response. Raises ConnectError for what is no request to a model of a run."""
        path = request.url.raw_path.decode("ascii")
        try:
            run = run_of(request.content) if protocol_for(request.url.path) is not None else None
        except WhoseIsIt as problem:
            return _refused(str(problem))
        if run is not None:
            return self._played(run, path, request.content)
        if isinstance(request, httpx.Request):
            raise httpx.ConnectError(_refusal(request.url.host), request=request)
        raise httpx2.ConnectError(_refusal(request.url.host), request=request)

    def answer_over_httpx(self, request: httpx.Request) -> httpx.Response | Coroutine[Any, Any, httpx.Response]:
        """Answer as a side effect of respx."""
        answer = self.answer(request)

        async def response() -> httpx.Response:
            return httpx.Response(**await answer)

        return _waited_for(response()) if _BLOCKING.get() else response()

    def answer_over_httpx_on_loopback(
        self, request: httpx.Request
    ) -> httpx.Response | Coroutine[Any, Any, httpx.Response] | None:
        """Answer as a side effect of respx; None leaves a request to the next route."""
        passes = self.lets_pass(request) or not _is_for_a_model(request)
        return None if passes else self.answer_over_httpx(request)

    async def _played(self, run: Conversation, path: str, body: bytes) -> dict[str, Any]:
        answer = await self._play(run, path, body)
        return {"status_code": answer.status, "headers": {"content-type": answer.content_type}, "content": answer.body}


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


def _may_be_for_a_model(request: httpx.Request | httpx2.Request) -> bool:
    return request.method == "POST" and any(each.matches(request.url.path) for each in PROTOCOLS.values())


def _is_for_a_model(request: httpx.Request | httpx2.Request) -> bool:
    """Whether it does not pass on loopback, where MCP servers over SSE have paths that end in `/messages` too."""
    if request.url.host not in LOOPBACK:
        return True
    with suppress(ValueError):
        content = mapping(json.loads(request.content))
        return bool(content.keys() & {"model", "contents"}) and "jsonrpc" not in content
    return False


async def _refused(problem: str) -> dict[str, Any]:
    """Return an error as the SDK of each provider reads it; none of them asks again after a 422."""
    error = {"code": 422, "status": "FAILED_PRECONDITION", "type": "invalid_request_error", "message": problem}
    return {"status_code": 422, "json": {"type": "error", "error": error}}


def _waited_for(answer: Coroutine[Any, Any, T]) -> T:
    """Wait in synchronous code, by a loop of another thread: this one may have a loop, which is then blocked."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, answer).result()


def _refusal(host: str) -> str:
    return f"this run is hermetic: {host} is neither loopback nor a service that the agent's row answers for"
