"""What a request may be, before anything of it is understood: its size, and how long it is in coming.

Also the last place where something can go wrong: a fault of ours is answered there, and logged without any values.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matrix.configs.api import problems

MAX_BODY = 256 * 1024
MAX_TARGET = 8 * 1024
"""Bytes of a path with its query."""
MAX_HEADERS = 16 * 1024
"""Bytes of all header fields."""
BODY_SECONDS = 30

_LOG = logging.getLogger("matrix.configs.api")
_PACKAGE = Path(__file__).parents[2]
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"private, no-cache"))


class Guard:
    """Reads a request's body before anything else does, up to a limit, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self._app, self._max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        try:
            body = await self._read(scope, receive)
            if isinstance(body, bytes):
                await self._app(scope, _replayed(body, receive), answer)
            else:
                await problems.response(*body, headers={"Connection": "close"})(scope, receive, answer)
        except Exception as error:  # noqa: BLE001  (raised further, it would be logged with all that it knows)
            _LOG.error("a fault of ours: %s, in %s", type(error).__name__, " < ".join(_places(error)))
            if not started:
                detail = "something is wrong with the server; its log says what"
                await problems.response(HTTPStatus.INTERNAL_SERVER_ERROR, "fault", detail)(scope, receive, answer)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | tuple[HTTPStatus, str, str]:
        """Return the body, or the problem that the request is: by what it says of itself, or by what it turns out."""
        if len(scope["path"].encode("utf-8", "surrogatepass")) + len(scope["query_string"]) > MAX_TARGET:
            detail = f"a path with its query has {MAX_TARGET} bytes at most"
            return HTTPStatus.REQUEST_URI_TOO_LONG, "uri-too-long", detail
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
            detail = f"the headers have {MAX_HEADERS} bytes at most"
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail
        try:
            with anyio.fail_after(BODY_SECONDS):
                body = await self._body(scope, receive)
        except TimeoutError:
            detail = f"the request did not arrive within {BODY_SECONDS} seconds"
            return HTTPStatus.REQUEST_TIMEOUT, "slow", detail
        if body is None:
            detail = f"a request has {self._max_body} bytes at most"
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail
        return body

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_body:
            return None
        parts, size = list[bytes](), 0
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_body:
                return None
            if message["type"] != "http.request" or not message.get("more_body", False):
                return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    left: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


def _places(error: Exception) -> Iterator[str]:
    """Yield where in our own code it happened, the innermost place first; no line of code, and no value."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            yield f"{path.relative_to(_PACKAGE).as_posix()}:{frame.lineno}"
