"""Tool filters on the wire: what a filter excludes, the client is neither shown nor can it call.

A filter judges JSON-RPC messages, whatever carried them; `filtered` puts one in front of an HTTP server. A list of
tools is known by its shape (a result that has `tools`), so that it is filtered in whichever response it comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import mcp_types as types

from matrix.json_access import mapping, sequence
from matrix.lab.servers.asgi import Asgi, Receive, Scope, Send, media_type, read_body, replay, respond, with_length
from matrix.lab.servers.json_rpc import error_response, messages, read_json
from matrix.lab.servers.sse_events import Event, EventReader
from matrix.tool_filter import ToolFilter


@dataclass(frozen=True)
class WireFilter:
    """A filter of tools, applied to the messages between a client and its server."""

    tools: ToolFilter

    def refuses(self, message: Any) -> bool:
        """Whether the message, or one of a batch, calls an excluded tool; then none of it may reach the server."""
        return any(self._is_excluded_call(each) for each in messages(message))

    def answer(self, message: Any) -> Any:
        """Return the answer to a message that is refused: an error for each request in it, None where it has none."""
        answers = [self._error(each) for each in messages(message) if "id" in each and "method" in each]
        return answers if isinstance(message, list) and answers else next(iter(answers), None)

    def admit(self, message: Any) -> Any:
        """Return what a server sent as the client may see it; the very same object where nothing is excluded."""
        if isinstance(message, list):
            batch = sequence(cast("object", message))
            admitted = [self.admit(each) for each in batch]
            return batch if all(old is new for old, new in zip(batch, admitted, strict=True)) else admitted
        result = mapping(mapping(message).get("result"))
        tools = sequence(result.get("tools"))
        kept = [tool for tool in tools if self.tools.allows(str(mapping(tool).get("name")))]
        return message if len(kept) == len(tools) else {**mapping(message), "result": {**result, "tools": kept}}

    def admit_json(self, text: bytes) -> bytes:
        """Return a message's JSON as the client may see it; unchanged bytes where nothing is excluded."""
        changed = self._changed(text)
        return text if changed is None else changed

    def admit_event(self, event: Event) -> bytes:
        """Return a server-sent event as the client may see it; unchanged bytes where nothing is excluded."""
        changed = self._changed(event.data)
        return event.raw if changed is None else event.with_data(changed)

    def _changed(self, text: bytes | str) -> bytes | None:
        message = read_json(text)
        admitted = self.admit(message)
        return None if admitted is message else json.dumps(admitted).encode()

    def _is_excluded_call(self, message: Mapping[str, Any]) -> bool:
        called = mapping(message.get("params")).get("name")
        return message.get("method") == "tools/call" and not self.tools.allows(str(called))

    def _error(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what a server says of a tool that it has not; what shares a batch with such a call goes down with it."""
        if self._is_excluded_call(message):
            name = mapping(message.get("params")).get("name")
            return error_response(message["id"], types.INVALID_PARAMS, f"Unknown tool: {name}")
        return error_response(message["id"], types.INVALID_REQUEST, "This batch calls an unknown tool")


def filtered(app: Asgi, tools: WireFilter | None) -> Asgi:
    """Put a filter, if any, in front of an MCP server's HTTP end, which answers in JSON or in a stream of events."""
    if tools is None:
        return app

    async def filtering(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive) if scope["method"] == "POST" else b""
        message = read_json(body)
        if tools.refuses(message):
            answer = tools.answer(message)
            text = b"" if answer is None else json.dumps(answer).encode()
            await respond(send, 202 if answer is None else 200, text, "application/json")
            return
        response = _Response(tools, send)
        await app(with_length(scope, body), replay(body, receive), response.take)

    return filtering


class _Response:
    """A response on its way to the client: JSON is held back until it is whole, events until each of them is."""

    def __init__(self, tools: WireFilter, send: Send) -> None:
        self._tools = tools
        self._send = send
        self._start: dict[str, Any] = {}
        self._kind = ""
        self._body = bytearray()
        self._events = EventReader()

    async def take(self, event: Any) -> None:
        """Take what the server sends."""
        if event["type"] == "http.response.start":
            await self._head(event)
        elif self._kind == "application/json":
            self._body += event.get("body", b"")
            if not event.get("more_body", False):
                await self._whole(self._tools.admit_json(bytes(self._body)))
        elif self._kind == "text/event-stream":
            completed = self._events.feed(event.get("body", b""))
            await self._send({**event, "body": b"".join(self._tools.admit_event(each) for each in completed)})
        else:
            await self._send(event)

    async def _head(self, event: Any) -> None:
        self._kind = media_type(event["headers"])
        if self._kind not in {"application/json", "text/event-stream"}:
            await self._send(event)
            return
        headers = [(name, value) for name, value in event["headers"] if name.lower() != b"content-length"]
        self._start = {**event, "headers": headers}
        if self._kind == "text/event-stream":
            await self._send(self._start)

    async def _whole(self, body: bytes) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*self._start["headers"], length]})
        await self._send({"type": "http.response.body", "body": body})
