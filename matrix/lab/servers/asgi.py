"""ASGI without a framework: the types of an application, a request's body read and given again, a whole response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Any], Any]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
"""An application of a scope, a `Receive` and a `Send`; loose, since each library has ASGI types of its own."""


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request, or what had come when the client left."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return bytes(body)
        body += event.get("body", b"")
        if not event.get("more_body", False):
            return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that has been read once more."""
    given = False

    async def replayed() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def with_length(scope: Scope, body: bytes) -> Scope:
    """Tell the length of a body that may have been changed on the way."""
    if scope["method"] != "POST":
        return scope
    headers = [pair for pair in scope["headers"] if pair[0].lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def media_type(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the media type that a message's headers name, without its parameters; empty where they name none."""
    named = [value for name, value in headers if name.lower() == b"content-type"]
    return named[-1].decode("latin-1").partition(";")[0].strip().lower() if named else ""


async def respond(send: Send, status: int, body: bytes, content_type: str) -> None:
    """Send a whole response."""
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
