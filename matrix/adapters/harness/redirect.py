"""The model redirect: what an agent's process sends to a provider goes to the scripted model of its run, on loopback.

It is done at the transport of `httpx` and `httpx2`, on which the providers' SDKs are built, so that the agent's own
provider class still renders every request. What else goes to loopback passes; anything else is refused.

The standard library alone, Python 3.9 or later: it runs in the agent's own interpreter.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...lab.model.inheriting import holds, inherited

CLIENTS = ("httpx", "httpx2")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_ASKING = re.compile(r"/chat/completions$|/responses$|/messages$|:(?:streamG|g)enerateContent$")
_BESIDE = re.compile(
    r"/models(?:/|$)|/embeddings$|/moderations$|/input_tokens$|/count_tokens$|:countTokens$|:(?:batchE|e)mbedContents?$"
)


@dataclass(frozen=True)
class Run:
    """A run under way: its prompt, and where its model is, without a version path."""

    prompt: str
    root: str


CURRENT: ContextVar[Run | None] = ContextVar("CURRENT", default=None)
_UNDER_WAY: list[Run] = []
_SERVICES: list[str] = []
"""The library whose requests to anybody else are answered behind the transport."""
_REDIRECTED: set[str] = set()


@contextmanager
def to_the_model() -> Generator[None, None, None]:
    """Redirect the requests of this process."""
    with inherited(CURRENT):
        yield


@contextmanager
def under_way(prompt: str, root: str) -> Generator[None, None, None]:
    """Take a run for one that is under way; what is started in this context belongs to it."""
    for name in CLIENTS:
        if name in sys.modules and name not in _REDIRECTED:
            _REDIRECTED.add(name)
            _redirect(sys.modules[name])
    run = Run(prompt, root)
    _UNDER_WAY.append(run)
    token = CURRENT.set(run)
    try:
        yield
    finally:
        CURRENT.reset(token)
        _UNDER_WAY.remove(run)


@contextmanager
def services_answered() -> Generator[None, None, None]:
    """Let what goes over httpx to neither a model nor loopback pass to its transport, where somebody answers it."""
    _SERVICES.append("httpx")
    try:
        yield
    finally:
        _SERVICES.remove("httpx")


def refuse(request: Any) -> Any:
    """Raise what httpx raises where a host cannot be reached."""
    raise sys.modules["httpx"].ConnectError(_refusal(request), request=request)


def _refusal(request: Any) -> str:
    return (
        f"this run is hermetic: {request.url.host} is neither loopback nor a service that the agent's row answers for"
    )


def _redirect(client: Any) -> None:
    """Redirect what is sent with this library: at its transports, so that clients that exist already count too."""
    passed_on = client.AsyncHTTPTransport.handle_async_request
    passed_on_blocking = client.HTTPTransport.handle_request

    async def handle(self: Any, request: Any) -> Any:
        if _may_be_for_a_model(request):
            await request.aread()
        return await passed_on(self, _redirected(client, request))

    def handle_blocking(self: Any, request: Any) -> Any:
        if _may_be_for_a_model(request):
            request.read()
        return passed_on_blocking(self, _redirected(client, request))

    client.AsyncHTTPTransport.handle_async_request = handle
    client.HTTPTransport.handle_request = handle_blocking


def _may_be_for_a_model(request: Any) -> bool:
    asks = request.method == "POST" and _ASKING.search(request.url.path) is not None
    if request.url.host in LOOPBACK:
        return asks
    return asks or _BESIDE.search(request.url.path) is not None


def _redirected(client: Any, request: Any) -> Any:
    """Return the request as it is to be sent. Raises the library's ConnectError for what may not leave the machine."""
    local = request.url.host in LOOPBACK
    if not _may_be_for_a_model(request):
        if local or client.__name__ in _SERVICES:
            return request
        raise client.ConnectError(_refusal(request), request=request)
    if local and (_is_to_a_run(request.url) or not _has_a_models_body(request.content)):
        return request
    run = _run_of(request.content)
    if run is None:
        raise client.ConnectError("a request to the model belongs to none of the runs under way", request=request)
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
    url = client.URL(run.root + request.url.raw_path.decode("ascii"))
    return client.Request(request.method, url, headers=headers, content=request.content, extensions=request.extensions)


def _is_to_a_run(url: Any) -> bool:
    return any(urlsplit(run.root).netloc == url.netloc.decode("ascii") for run in _UNDER_WAY)


def _has_a_models_body(content: bytes) -> bool:
    """Whether it is no message to an MCP server over SSE, whose paths may end in `/messages` too."""
    try:
        body: Any = json.loads(content)
    except ValueError:
        return False
    if not isinstance(body, dict):
        return False
    return ("model" in body or "contents" in body) and "jsonrpc" not in body


def _run_of(body: bytes) -> Run | None:
    """Return the run that a request was started in; of one that is over, or none, the only one that it can be of."""
    current, running = CURRENT.get(), list(_UNDER_WAY)
    carried = [each for each in running if holds(body, each.prompt)]
    longest = max((len(each.prompt) for each in carried), default=0)
    carried = [each for each in carried if len(each.prompt) == longest]
    if current in running:
        strange = [each for each in carried if each.prompt not in current.prompt]
        return strange[0] if len(strange) == 1 and len(carried) == 1 else current
    candidates = carried or running
    return candidates[0] if len(candidates) == 1 else None
