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
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.message import SessionMessage

from matrix.lab.model.conversation import Conversation
from matrix.lab.records import Direction
from matrix.lab.servers.asgi import Asgi, Receive, Scope, Send, read_body, respond
from matrix.lab.servers.attachment import ProxiedServer, ResidentStub
from matrix.lab.servers.proxy import proxy, proxy_client
from matrix.lab.servers.recorder import Recorded
from matrix.lab.servers.site import site_page
from matrix.lab.servers.tool_filter import filtered
from matrix.model import Transport


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
    async def serving(self, attachment: ResidentStub | ProxiedServer, transport: Transport) -> AsyncGenerator[None]:
        """Serve an attachment for as long as the context is open."""
        async with AsyncExitStack() as stack:
            match attachment:
                case ProxiedServer():
                    client = await stack.enter_async_context(proxy_client())
                    app = filtered(proxy(client, attachment), attachment.tools)
                case ResidentStub():
                    stub = await stack.enter_async_context(_stub(attachment, transport))
                    app = _until_death(attachment, filtered(stub, attachment.tools))
            self._apps[attachment.key] = Recorded(attachment, app, with_frames=transport is Transport.HTTP)
            try:
                yield
            finally:
                del self._apps[attachment.key]


@asynccontextmanager
async def _stub(stub: ResidentStub, transport: Transport) -> AsyncGenerator[Asgi]:
    """Serve a stub, as its own code may have it."""
    async with AsyncExitStack() as stack:
        app = _sse(stub) if transport is Transport.SSE else await stack.enter_async_context(_managed(stub))
        yield app if stub.stub.http is None else stub.stub.http(app)


@asynccontextmanager
async def _managed(stub: ResidentStub) -> AsyncGenerator[Asgi]:
    """Serve streamable HTTP from a task of its own: a stub that dies there takes no other one along."""
    manager = StreamableHTTPSessionManager(stub.sdk)
    ready, closing = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        try:
            async with manager.run():
                ready.set()
                await closing.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as problem:  # noqa: BLE001  (whatever ends a stub, the lab goes on)
            _died(stub, problem)
        finally:
            ready.set()

    living = asyncio.ensure_future(live())
    await ready.wait()
    try:
        yield manager.handle_request
    finally:
        closing.set()
        await living


def _died(stub: ResidentStub, problem: BaseException) -> None:
    stub.ended_by(problem)
    stub.dead = True


@contextmanager
def _taking_note_of_death(stub: ResidentStub) -> Generator[None]:
    """Keep what ends a stub from the HTTP server; an `Exception` is of one request, and is none of that."""
    try:
        yield
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as problem:  # noqa: BLE001  (the lab goes on)
        _died(stub, problem)


def _until_death(stub: ResidentStub, app: Asgi) -> Asgi:
    """Serve until the stub dies: then answer 502, as a gateway does for a server that is gone."""

    async def mortal(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(event: Any) -> None:
            nonlocal started
            started = True
            await send(event)

        if not stub.dead:
            with _taking_note_of_death(stub):
                await app(scope, receive, noted)
        # A response that has begun is cut off where it is, as the connection of a dead server.
        if stub.dead and not started:
            await respond(send, 502, b"the server has died", "text/plain")

    return mortal


def _sse(stub: ResidentStub) -> Asgi:
    transport = SseServerTransport(f"/sse/{stub.key}/messages")
    count = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal count
        if scope["method"] != "GET":
            await transport.handle_post_message(scope, receive, send)
            return
        count += 1
        session = stub.session(f"sse-{count}")
        async with transport.connect_sse(scope, receive, send) as (read, write):
            with _taking_note_of_death(stub):
                await _serve_recorded(stub, session, read, write)

    return app


async def _serve_recorded(stub: ResidentStub, session: str, read: Any, write: Any) -> None:
    """Serve a stub over a pair of streams, with every message recorded and put to the revision gate."""
    inward, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](64)
    write_stream, outward = anyio.create_memory_object_stream[SessionMessage](64)

    async def take() -> None:
        async with inward:
            async for item in read:
                if isinstance(item, Exception):
                    await inward.send(item)
                    continue
                raw = item.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
                stub.record(session, Direction.IN, raw)
                answer = stub.gate.answer(raw)
                if answer is not None:
                    await reply(answer)
                    continue
                admitted = stub.gate.admit(raw)
                message = types.jsonrpc_message_adapter.validate_python(admitted, by_name=False)
                await inward.send(SessionMessage(message, metadata=item.metadata))

    async def reply(answer: Mapping[str, Any]) -> None:
        message = types.jsonrpc_message_adapter.validate_python(answer, by_name=False)
        await write_stream.send(SessionMessage(message))

    async def give() -> None:
        async for item in outward:
            raw = item.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
            stub.record(session, Direction.OUT, raw)
            await write.send(item)

    async with read, write, inward, read_stream, write_stream, outward, anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        tasks.start_soon(give)
        await stub.sdk.run(read_stream, write_stream, stub.sdk.create_initialization_options())
        tasks.cancel_scope.cancel()
