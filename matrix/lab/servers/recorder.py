"""What passes between an agent and an MCP server over HTTP, recorded as it passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, cast

from matrix.json_access import mapping
from matrix.lab.servers.attachment import Asgi, Attachment
from matrix.lab.trace import HttpExchange

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Any], Any]


class Recorded:
    """An ASGI application whose exchanges, and the JSON-RPC messages in them, are recorded."""

    def __init__(self, attachment: Attachment, app: Asgi, *, with_frames: bool) -> None:
        self._attachment = attachment
        self._app = app
        self._with_frames = with_frames
        self._posts = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record one exchange and hand it on, unless a server of this revision would not understand it."""
        attachment = self._attachment
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await read_body(receive) if scope["method"] == "POST" else b""
        message = read_json(body)
        self._posts += 1
        wire_id = headers.get("mcp-session-id") or f"post-{self._posts}"
        exchange = _Exchange(attachment, scope, headers, wire_id, message)
        if self._with_frames and isinstance(message, dict):
            refused = self._refusal(headers, cast("dict[str, Any]", message))
            if refused is not None:
                exchange.frames_in()
                status = 400 if attachment.admission.refuses_header(headers.get("mcp-protocol-version")) else 200
                await respond(exchange.watching(send), status, json.dumps(refused).encode(), "application/json")
                return
            body = self._admitted(cast("dict[str, Any]", message), body)
        watched = exchange.watching(send, frames=self._with_frames)
        await self._app(with_length(scope, body), replay(body, receive), watched)

    def _refusal(self, headers: Mapping[str, str], message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        admission = self._attachment.admission
        answer = admission.answer(message)
        if answer is None and admission.refuses_header(headers.get("mcp-protocol-version")):
            error = {"code": -32000, "message": "Bad Request: Unsupported protocol version"}
            return {"jsonrpc": "2.0", "id": None, "error": error}
        return answer

    def _admitted(self, message: dict[str, Any], body: bytes) -> bytes:
        admitted = self._attachment.admission.admit(message)
        return body if admitted is message else json.dumps(admitted).encode()


class _Exchange:
    """One request and its response, recorded as they pass."""

    def __init__(
        self, attachment: Attachment, scope: Scope, headers: Mapping[str, str], wire_id: str, message: Any
    ) -> None:
        self._attachment = attachment
        self._scope = scope
        self._headers = headers
        self._wire_id = wire_id
        self._message = message
        self._rpc_method: str | None = mapping(message).get("method")
        self._buffer = b""
        self._streamed = False
        self._frames_recorded = False

    def frames_in(self) -> None:
        """Record what the client sent, once its session is known."""
        if not self._frames_recorded and self._message is not None:
            self._frames_recorded = True
            self._attachment.record(self._attachment.session(self._wire_id), "in", self._message)

    def watching(self, send: Send, *, frames: bool = True) -> Send:
        """Return a `send` that records what passes through it."""
        # Of `initialize` the session is known only by its response.
        if frames and ("mcp-session-id" in self._headers or self._rpc_method != "initialize"):
            self.frames_in()

        async def watched(event: Any) -> None:
            if event["type"] == "http.response.start":
                self._head(event)
                if frames:
                    self.frames_in()
            elif frames:
                self._take(event.get("body", b""), last=not event.get("more_body", False))
            await send(event)

        return watched

    def _head(self, event: Mapping[str, Any]) -> None:
        sent = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event["headers"]}
        self._wire_id = sent.get("mcp-session-id") or self._wire_id
        self._streamed = sent.get("content-type", "").startswith("text/event-stream")
        attachment = self._attachment
        attachment.trace.add(
            HttpExchange(
                attachment.trace.now(),
                attachment.server,
                self._scope["method"],
                self._scope["path"].replace(attachment.key, attachment.server),
                self._headers,
                int(event["status"]),
                self._rpc_method,
            )
        )

    def _take(self, body: bytes, *, last: bool) -> None:
        self._buffer += body
        session = self._attachment.session(self._wire_id)
        if self._streamed:
            *events, self._buffer = self._buffer.replace(b"\r\n", b"\n").split(b"\n\n")
            for event in events:
                data = b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
                self._attachment.record(session, "out", read_json(data))
        elif last:
            self._attachment.record(session, "out", read_json(self._buffer))


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request, or what had come when the client left."""
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return body
        body += event.get("body", b"")
        if not event.get("more_body", False):
            return body


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


def read_json(body: bytes) -> Any:
    """Return the body as JSON, None where it is none."""
    try:
        return json.loads(body) if body.strip() else None
    except ValueError:
        return None


async def respond(send: Send, status: int, body: bytes, content_type: str) -> None:
    """Send a whole response."""
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
