"""Tool filters on the wire: what a filter excludes, the client is neither shown nor can it call.

A filter judges JSON-RPC messages, whatever carried them; `filtered` puts one in front of an HTTP server. A list of
tools is known by its shape (a result that has `tools`), so that it is filtered in whichever response it comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import mcp_types as types

from matrix.json_access import mapping, sequence
from matrix.lab.servers.attachment import Asgi
from matrix.lab.servers.recorder import Receive, Scope, Send, read_body, read_json, replay, respond, with_length


@dataclass(frozen=True)
class ToolFilter:
    """Which tools pass: `exclude` wins; no `include` means all. A pattern is a name, or a beginning before a `*`."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    def allows(self, tool: str) -> bool:
        """Whether the client is to have this tool."""
        return (self.include is None or _among(tool, self.include)) and not _among(tool, self.exclude)

    def refuses(self, message: Any) -> bool:
        """Whether the message, or one of a batch, calls an excluded tool; then none of it may reach the server."""
        return any(self._is_excluded_call(each) for each in _each(message))

    def answer(self, message: Any) -> Any:
        """Return the answer to a message that is refused: an error for each request in it, None where it has none."""
        answers = [self._error(each) for each in _each(message) if "id" in each and "method" in each]
        return answers if isinstance(message, list) and answers else next(iter(answers), None)

    def admit(self, message: Any) -> Any:
        """Return what a server sent as the client may see it; the very same object where nothing is excluded."""
        if isinstance(message, list):
            batch = sequence(cast("object", message))
            admitted = [self.admit(each) for each in batch]
            return batch if all(old is new for old, new in zip(batch, admitted, strict=True)) else admitted
        result = mapping(mapping(message).get("result"))
        tools = sequence(result.get("tools"))
        kept = [tool for tool in tools if self.allows(str(mapping(tool).get("name")))]
        return message if len(kept) == len(tools) else {**mapping(message), "result": {**result, "tools": kept}}

    def admit_json(self, text: bytes) -> bytes:
        """Return a message's JSON as the client may see it; unchanged bytes where nothing is excluded."""
        message = read_json(text)
        admitted = self.admit(message)
        return text if admitted is message else json.dumps(admitted).encode()

    def _is_excluded_call(self, message: Mapping[str, Any]) -> bool:
        called = mapping(message.get("params")).get("name")
        return message.get("method") == "tools/call" and not self.allows(str(called))

    def _error(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what a server says of a tool that it has not; what shares a batch with such a call goes down with it."""
        if self._is_excluded_call(message):
            name = mapping(message.get("params")).get("name")
            error = types.ErrorData(code=types.INVALID_PARAMS, message=f"Unknown tool: {name}")
        else:
            error = types.ErrorData(code=types.INVALID_REQUEST, message="This batch calls an unknown tool")
        return {"jsonrpc": "2.0", "id": message["id"], "error": error.model_dump(exclude_none=True)}


def filtered(app: Asgi, tools: ToolFilter) -> Asgi:
    """Put a filter in front of an MCP server's HTTP end, whether it answers in JSON or in a stream of events."""

    async def sieve(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive) if scope["method"] == "POST" else b""
        message = read_json(body)
        if tools.refuses(message):
            answer = tools.answer(message)
            text = b"" if answer is None else json.dumps(answer).encode()
            await respond(send, 202 if answer is None else 200, text, "application/json")
            return
        response = _Response(tools, send)
        await app(with_length(scope, body), replay(body, receive), response.take)

    return sieve


class _Response:
    """A response on its way to the client: JSON is held back until it is whole, events until each of them is."""

    def __init__(self, tools: ToolFilter, send: Send) -> None:
        self._tools = tools
        self._send = send
        self._start: dict[str, Any] = {}
        self._kind = ""
        self._buffer = b""

    async def take(self, event: Any) -> None:
        """Take what the server sends."""
        if event["type"] == "http.response.start":
            await self._head(event)
        elif self._kind == "application/json":
            self._buffer += event.get("body", b"")
            if not event.get("more_body", False):
                await self._whole(self._tools.admit_json(self._buffer))
        elif self._kind == "text/event-stream":
            last = not event.get("more_body", False)
            await self._send({**event, "body": self._events(event.get("body", b""), last=last)})
        else:
            await self._send(event)

    async def _head(self, event: Any) -> None:
        headers = [(name, value) for name, value in event["headers"] if name.lower() != b"content-length"]
        kinds = [value.decode("latin-1") for name, value in headers if name.lower() == b"content-type"]
        self._kind = kinds[-1].partition(";")[0].strip().lower() if kinds else ""
        if self._kind == "application/json":
            self._start = {**event, "headers": headers}
        else:
            await self._send({**event, "headers": headers} if self._kind == "text/event-stream" else event)

    async def _whole(self, body: bytes) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*self._start["headers"], length]})
        await self._send({"type": "http.response.body", "body": body})

    def _events(self, body: bytes, *, last: bool) -> bytes:
        """Return the events that this completes; what ends with the stream is let go, as clients do with it."""
        held = b"\r" if body.endswith(b"\r") and not last else b""  # may be half of a line's end
        self._buffer += body.removesuffix(held) if held else body
        *events, rest = self._buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")
        self._buffer = rest + held
        return b"".join(self._event(event) + b"\n\n" for event in events)

    def _event(self, event: bytes) -> bytes:
        lines = event.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        data = b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
        admitted = self._tools.admit_json(data)
        if admitted is data:
            return event
        return b"\n".join([*(line for line in lines if not line.startswith(b"data:")), b"data: " + admitted])


def _each(message: Any) -> Sequence[Mapping[str, Any]]:
    return [mapping(each) for each in sequence(message) or [message]]


def _among(tool: str, patterns: Sequence[str]) -> bool:
    return any(tool.startswith(pattern[:-1]) if pattern.endswith("*") else tool == pattern for pattern in patterns)
