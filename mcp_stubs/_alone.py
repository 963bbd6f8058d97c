"""Runs one stub alone, in its own process: over stdio, streamable HTTP or SSE."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from mcp_stubs._room import Room

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import Receive, Scope, Send

Create = Callable[[str, Room], Server[Any]]
Wrap = Callable[[ASGIApp], ASGIApp]

HOST = "127.0.0.1"
_ALL = ("stdio", "http", "sse")
_PATHS = {"http": "/mcp", "sse": "/sse"}


def main(create: Create, http: Wrap | None = None) -> None:
    """Serve the stub as the command line says, until the client leaves or the process is told to stop.

    Over HTTP and SSE the URL is the first line on stderr. Exit 2 on arguments that make no sense, 130 on
    Ctrl-C.
    """
    module = sys.modules[create.__module__]
    name = Path(module.__file__ or "stub").stem
    parser = _parser(module.__doc__ or "", name, getattr(module, "TRANSPORTS", _ALL))
    options = parser.parse_args()
    room = Room()
    room.facts["alone"] = True
    server = create(options.name, room)
    try:
        if options.transport == "stdio":
            anyio.run(_stdio, server)
            return
        app: ASGIApp = server.streamable_http_app() if options.transport == "http" else _sse_app(server)
        try:
            listener = socket.create_server((HOST, options.port))
        except OSError as error:
            parser.error(f"Port {options.port} cannot be used: {error.strerror}.")
        with listener:
            port = listener.getsockname()[1]
            print(f"http://{HOST}:{port}{_PATHS[options.transport]}", file=sys.stderr, flush=True)
            anyio.run(_serve, app if http is None else http(app), listener)
    except KeyboardInterrupt:
        sys.exit(130)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one sentence, and exit 2."""
        self.exit(2, f"{message}\n")


def _parser(doc: str, name: str, transports: tuple[str, ...]) -> _Parser:
    parser = _Parser(prog=f"python -m mcp_stubs.{name}", description=doc.strip().partition("\n")[0])
    parser.add_argument("--transport", choices=transports, default=transports[0], help="how to be reached")
    parser.add_argument("--port", type=_port, default=0, help="of http and sse; a free one by default")
    parser.add_argument("--name", default=name, help="the server's name; the stub's own by default")
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port.")


def _leave(_: int, __: FrameType | None) -> NoReturn:
    os._exit(130)


async def _stdio(server: Server[Any]) -> None:
    # A thread that waits for the next line of stdin would hold every gentler end up.
    signal.signal(signal.SIGINT, _leave)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _serve(app: ASGIApp, listener: socket.socket) -> None:
    # An open event stream would hold a graceful end up for ever.
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listener])


def _sse_app(server: Server[Any]) -> Starlette:
    transport = SseServerTransport("/messages/")

    class Stream:
        """The event stream: one connection of the server for each."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async with transport.connect_sse(scope, receive, send) as (read, write):
                await server.run(read, write, server.create_initialization_options())

    return Starlette(
        routes=[
            Route(_PATHS["sse"], endpoint=Stream()),
            Mount("/messages/", app=transport.handle_post_message),
        ]
    )
