"""Server specs: what a cell is to have attached, before anything runs; frozen, without I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TextIO

from matrix.lab.servers.asgi import Asgi
from matrix.sources import HttpServer, StdioServer
from matrix.tool_filter import ToolFilter


@dataclass(frozen=True)
class Stub:
    """A stub's behaviour: builds the SDK server; `http` wraps its HTTP end where the stub misbehaves there."""

    name: str
    create: Callable[[str, Any], Any]
    new_room: Callable[[], Any]
    stderr: ContextVar[TextIO]
    http: Callable[[Asgi], Asgi] | None = None


@dataclass(frozen=True)
class StubServer:
    """A stub as a server, over any transport; `tools` filters its tools, as those of a real one."""

    stub: Stub
    tools: ToolFilter | None = None


@dataclass(frozen=True)
class ServerSpec:
    """A server that a cell is to have attached under a name.

    The agent is to configure it with the `headers`, where it is reached over HTTP or SSE, and with the variables `env`
    over stdio.
    """

    name: str
    server: StubServer | StdioServer | HttpServer
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    env: Mapping[str, str] = field(default_factory=dict[str, str])
