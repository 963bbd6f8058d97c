"""What a client may ask of us: how large a request, how long in coming, and how many of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matrix.configs.api import problems

MAX_BODY = 256 * 1024
BODY_SECONDS = 30
_CLIENTS = 10_000
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"private, no-cache"))


@dataclass
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A token bucket for each client: `burst` at once, and `rate` more each minute."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate / 60, float(burst), clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, client: str) -> float:
        """Take a token; returns 0, or the seconds until there will be one."""
        bucket = self._filled(client)
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._rate
        bucket.tokens -= 1
        return 0

    def _filled(self, client: str) -> _Bucket:
        now = self._clock()
        if client not in self._buckets and len(self._buckets) >= _CLIENTS:
            self._forget(now)
        bucket = self._buckets.setdefault(client, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket

    def _forget(self, now: float) -> None:
        """Make room: a bucket that would be full again says nothing; if that is not enough, the oldest go."""
        full = [each for each, it in self._buckets.items() if it.tokens + (now - it.at) * self._rate >= self._burst]
        oldest = sorted(self._buckets, key=lambda each: self._buckets[each].at)[: _CLIENTS // 10]
        for client in full or oldest:
            del self._buckets[client]


class Guard:
    """Reads a request's body before anything else does, up to a limit, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self._app, self._max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        try:
            with anyio.fail_after(BODY_SECONDS):
                body = await self._read(scope, receive)
        except TimeoutError:
            await _slow(scope, receive, answer)
            return
        if body is None:
            await self._too_large(scope, receive, answer)
            return
        await self._app(scope, _replayed(body, receive), answer)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body, or None if it is too large, by what it says of itself or by what it turns out to be."""
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

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"a request has {self._max_body} bytes at most"
        refusal = problems.response(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail, headers={"Connection": "close"}
        )
        await refusal(scope, receive, send)


async def _slow(scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"the request did not arrive within {BODY_SECONDS} seconds"
    refusal = problems.response(HTTPStatus.REQUEST_TIMEOUT, "slow", detail, headers={"Connection": "close"})
    await refusal(scope, receive, send)


def _replayed(body: bytes, receive: Receive) -> Receive:
    left: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay
