"""A server as a config store may hold one, over HTTP: tells its token, adds, and deletes, which it writes down.

`serving` runs it in a thread, behind a key. Over stdio `store_stdio.py` does the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer


def create(token: str, deletions: Path) -> MCPServer:
    """Return the server; each deletion adds a line to a file."""
    server = MCPServer("store")

    @server.tool()
    def whoami() -> str:
        """Tell the token that this server was given."""
        return f"the token is {token!r}"

    @server.tool()
    def add(a: int, b: int) -> str:
        """Add two numbers."""
        return str(a + b)

    @server.tool()
    def delete(name: str) -> str:
        """Delete what has this name."""
        with deletions.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        return "deleted"

    return server


@dataclass
class Served:
    """Where the server is, and the keys that it was shown."""

    url: str
    keys: list[str | None] = field(default_factory=list)


@contextlib.contextmanager
def serving(key: str, deletions: Path, host: str = "127.0.0.2") -> Iterator[Served]:
    """Serve over HTTP whoever shows the key; the host is loopback, yet none of the addresses that agents may reach."""
    listener = socket.create_server((host, 0))
    served = Served(f"http://{host}:{listener.getsockname()[1]}/mcp")
    app = create(key, deletions).streamable_http_app(host="0.0.0.0")

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            served.keys.append(dict(scope["headers"]).get(b"x-api-key", b"").decode() or None)
            if served.keys[-1] != key:
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b"no"})
                return
        await app(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(guarded, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join()
