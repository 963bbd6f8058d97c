"""The proxy before a real HTTP server: passes everything on as it comes, and adds what the agent is not to know."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Mapping

import anyio
import httpx2

from matrix.lab.servers.asgi import Asgi, Receive, Scope, Send, read_body, respond
from matrix.lab.servers.attachment import ProxiedServer

CONNECT_SECONDS = 15.0
REDIRECTS = 3
_HOP_BY_HOP = {
    b"host",
    b"content-length",
    b"connection",
    b"transfer-encoding",
    b"accept-encoding",
    b"content-encoding",
    b"keep-alive",
    b"te",
    b"trailer",
    b"upgrade",
}


class _Outward(httpx2.AsyncHTTPTransport):
    """A transport of the lab's own: what is done to the library's, to keep agents at home, is not done to it."""

    handle_async_request = httpx2.AsyncHTTPTransport.handle_async_request


def proxy_client() -> httpx2.AsyncClient:
    """Return the client by which real servers are reached; how long they may take, the agent decides.

    Each request has a connection of its own: one that idles may be closed by the server just when the next request is
    sent, and that loss would be taken for the agent's.
    """
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    transport = _Outward(verify=_trust(), limits=limits)
    return httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS))


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return one TLS context for all clients: making it costs more than a call over it."""
    return httpx2.create_ssl_context()


def proxy(client: httpx2.AsyncClient, server: ProxiedServer) -> Asgi:
    """Return an application that hands every request on to the server, with its headers added.

    A redirect is followed on the same origin only: the headers are nobody else's business.
    """
    added = {name.lower().encode("latin-1"): value.encode("utf-8") for name, value in server.headers.items()}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept = [pair for pair in scope["headers"] if pair[0].lower() not in {*_HOP_BY_HOP, *added}]
        headers = [*kept, *added.items(), (b"accept-encoding", b"identity")]
        body = await read_body(receive) if scope["method"] == "POST" else b""
        try:
            response = await _sent(client, scope["method"], server.url, headers, body)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
            # Not its text: that may hold what was sent.
            server.server_fault(_told(problem))
            await respond(send, 502, b"the server cannot be reached", "text/plain")
            return
        await _passed_on(response, receive, send)

    return app


class _Elsewhere(httpx2.HTTPError):
    """A redirect that leads to another origin."""


async def _sent(
    client: httpx2.AsyncClient, method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> httpx2.Response:
    request = client.build_request(method, url, headers=headers, content=body)
    for _ in range(REDIRECTS):
        response = await client.send(request, stream=True)
        if response.status_code not in {301, 302, 307, 308} or response.next_request is None:
            return response
        await response.aclose()
        target = response.next_request.url
        if _origin(target) != _origin(request.url):
            raise _Elsewhere(f"{target.scheme}://{target.host}")
        request = client.build_request(method, target, headers=headers, content=body)
    raise httpx2.TooManyRedirects("too many redirects", request=request)


async def _passed_on(response: httpx2.Response, receive: Receive, send: Send) -> None:
    try:
        kept = [(name, value) for name, value in response.headers.raw if name.lower() not in _HOP_BY_HOP]
        await send({"type": "http.response.start", "status": response.status_code, "headers": kept})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_disconnect, receive, tasks.cancel_scope)
            async for chunk in response.aiter_bytes():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


async def _until_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _told(problem: Exception) -> str:
    if isinstance(problem, _Elsewhere):
        return f"redirects to {problem}; write that address in its config"
    reasons: Mapping[type[Exception], str] = {
        httpx2.ConnectTimeout: f"did not answer within {CONNECT_SECONDS:g} s",
        httpx2.ConnectError: "cannot be reached",
        httpx2.LocalProtocolError: "is to be sent a header that HTTP does not allow",
        httpx2.TooManyRedirects: "redirects in circles",
    }
    known = next((reason for kind, reason in reasons.items() if isinstance(problem, kind)), "could not be asked")
    return f"{known} ({type(problem).__name__})"
