"""The lab's HTTP end: one loopback port, one path per attachment, every exchange recorded.

`/mcp/KEY` serves streamable HTTP, `/sse/KEY` the older SSE transport, `/model/RUN/…` the scripted model for agents
in other processes, and `/site/PAGE` a small page for servers that fetch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server as SdkServer
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.message import SessionMessage

from matrix.lab.model.conversation import Conversation
from matrix.lab.servers.attachment import Asgi, Attachment
from matrix.lab.servers.proxy import proxy, upstream_client
from matrix.lab.servers.real import site_page
from matrix.lab.servers.recorder import Receive, Recorded, Scope, Send, read_body, respond
from matrix.lab.servers.tool_filter import filtered


class HttpEnd:
    """The ASGI application of the lab."""

    def __init__(self, conversations: Mapping[str, Conversation]) -> None:
        self._conversations = conversations
        self._apps: dict[str, Asgi] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the part of the lab that its path names."""
        if scope["type"] != "http":
            return
        _, kind, key, *rest = [*scope["path"].split("/"), "", ""]
        if kind in {"mcp", "sse"}:
            app = self._apps.get(key)
            if app is not None:
                await app(scope, receive, send)
                return
        elif kind == "model" and key in self._conversations:
            query = scope["query_string"].decode("latin-1")
            path = "/" + "/".join(rest).rstrip("/") + (f"?{query}" if query else "")
            await self._model(self._conversations[key], path, receive, send)
            return
        elif kind == "site":
            page = site_page("/" + "/".join([key, *rest]).rstrip("/"))
            if page is not None:
                await respond(send, 200, page.encode(), "text/html")
                return
        await respond(send, 404, b"nothing is served here (any more)", "text/plain")

    async def _model(self, conversation: Conversation, path: str, receive: Receive, send: Send) -> None:
        answer = await conversation.answer(path, await read_body(receive))
        headers = [(b"content-type", answer.content_type.encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    @asynccontextmanager
    async def serving(self, attachment: Attachment, transport: str) -> AsyncGenerator[None]:
        """Serve an attachment for as long as the context is open."""
        async with AsyncExitStack() as stack:
            if attachment.upstream is not None:
                app: Asgi = proxy(await stack.enter_async_context(upstream_client()), attachment)
            elif attachment.sdk is None:
                msg = f"{attachment.server} has nothing to serve"
                raise RuntimeError(msg)
            elif transport == "sse":
                app = _sse(attachment, attachment.sdk)
            else:
                app = await stack.enter_async_context(_managed(attachment, attachment.sdk))
            if attachment.stub is not None and attachment.stub.http is not None:
                app = attachment.stub.http(app)
            if attachment.tools is not None:
                app = filtered(app, attachment.tools)
            app = _until_death(attachment, app)
            self._apps[attachment.key] = Recorded(attachment, app, with_frames=transport == "http")
            try:
                yield
            finally:
                del self._apps[attachment.key]


@asynccontextmanager
async def _managed(attachment: Attachment, sdk: SdkServer[Any]) -> AsyncGenerator[Asgi]:
    """Serve streamable HTTP from a task of its own: a stub that dies there takes no other one along."""
    manager = StreamableHTTPSessionManager(sdk)
    ready, closing = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        try:
            async with manager.run():
                ready.set()
                await closing.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as problem:  # noqa: BLE001  (whatever ends a stub, the lab goes on)
            attachment.death = attachment.ended_by(problem)
        finally:
            ready.set()

    living = asyncio.ensure_future(live())
    await ready.wait()
    try:
        yield manager.handle_request
    finally:
        closing.set()
        await living


@contextmanager
def _taking_note_of_death(attachment: Attachment) -> Generator[None]:
    """Keep what ends a stub from the HTTP server; an `Exception` is of one request, and is none of that."""
    try:
        yield
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as problem:  # noqa: BLE001  (the lab goes on)
        attachment.death = attachment.ended_by(problem)


def _until_death(attachment: Attachment, app: Asgi) -> Asgi:
    """Serve until the stub dies: then answer 502, as a gateway does for a server that is gone."""

    async def mortal(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(event: Any) -> None:
            nonlocal started
            started = True
            await send(event)

        if attachment.death is None:
            with _taking_note_of_death(attachment):
                await app(scope, receive, noted)
        # A response that has begun is cut off where it is, as the connection of a dead server.
        if attachment.death is not None and not started:
            await respond(send, 502, b"the server has died", "text/plain")

    return mortal


def _sse(attachment: Attachment, sdk: SdkServer[Any]) -> Asgi:
    transport = SseServerTransport(f"/sse/{attachment.key}/messages")
    count = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal count
        if scope["method"] != "GET":
            await transport.handle_post_message(scope, receive, send)
            return
        count += 1
        session = attachment.session(f"sse-{count}")
        async with transport.connect_sse(scope, receive, send) as (read, write):
            with _taking_note_of_death(attachment):
                await _serve_recorded(attachment, sdk, session, read, write)

    return app


async def _serve_recorded(attachment: Attachment, sdk: SdkServer[Any], session: str, read: Any, write: Any) -> None:
    """Serve a stub over a pair of streams, recording and admitting every message."""
    inward, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](64)
    write_stream, outward = anyio.create_memory_object_stream[SessionMessage](64)

    async def take() -> None:
        async with inward:
            async for item in read:
                if isinstance(item, Exception):
                    await inward.send(item)
                    continue
                raw = item.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
                attachment.record(session, "in", raw)
                answer = attachment.admission.answer(raw)
                if answer is not None:
                    await reply(answer)
                    continue
                admitted = attachment.admission.admit(raw)
                message = types.jsonrpc_message_adapter.validate_python(admitted, by_name=False)
                await inward.send(SessionMessage(message, metadata=item.metadata))

    async def reply(answer: Mapping[str, Any]) -> None:
        message = types.jsonrpc_message_adapter.validate_python(answer, by_name=False)
        await write_stream.send(SessionMessage(message))

    async def give() -> None:
        async for item in outward:
            raw = item.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
            attachment.record(session, "out", raw)
            await write.send(item)

    async with read, write, inward, read_stream, write_stream, outward, anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        tasks.start_soon(give)
        await sdk.run(read_stream, write_stream, sdk.create_initialization_options())
        tasks.cancel_scope.cancel()
