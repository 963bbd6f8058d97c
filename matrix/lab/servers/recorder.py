"""What passes between an agent and an MCP server over HTTP, recorded as it passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from matrix.json_access import mapping
from matrix.lab.records import Direction, HttpExchange
from matrix.lab.servers.asgi import Asgi, Receive, Scope, Send, media_type, read_body, replay, respond, with_length
from matrix.lab.servers.attachment import Attachment
from matrix.lab.servers.json_rpc import error_response, read_json
from matrix.lab.servers.sse_events import EventReader


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
                status = 400 if attachment.gate.refuses_header(headers.get("mcp-protocol-version")) else 200
                await respond(exchange.watching(send), status, json.dumps(refused).encode(), "application/json")
                return
            body = self._admitted(cast("dict[str, Any]", message), body)
        watched = exchange.watching(send, frames=self._with_frames)
        await self._app(with_length(scope, body), replay(body, receive), watched)

    def _refusal(self, headers: Mapping[str, str], message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        gate = self._attachment.gate
        answer = gate.answer(message)
        if answer is None and gate.refuses_header(headers.get("mcp-protocol-version")):
            return error_response(None, -32000, "Bad Request: Unsupported protocol version")
        return answer

    def _admitted(self, message: dict[str, Any], body: bytes) -> bytes:
        admitted = self._attachment.gate.admit(message)
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
        self._body = bytearray()
        self._events: EventReader | None = None
        """Reads the response where it is a stream of events."""
        self._frames_recorded = False

    def frames_in(self) -> None:
        """Record what the client sent, once its session is known."""
        if not self._frames_recorded and self._message is not None:
            self._frames_recorded = True
            self._attachment.record(self._attachment.session(self._wire_id), Direction.IN, self._message)

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
        if media_type(event["headers"]) == "text/event-stream":
            self._events = EventReader()
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
        session = self._attachment.session(self._wire_id)
        if self._events is not None:
            for event in self._events.feed(body):
                self._attachment.record(session, Direction.OUT, read_json(event.data))
            return
        self._body += body
        if last:
            self._attachment.record(session, Direction.OUT, read_json(bytes(self._body)))
