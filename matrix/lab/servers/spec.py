"""Server specs: what a cell is to have attached, before anything runs; frozen, without I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from matrix.lab.servers.asgi import Asgi
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
class Prepared:
    """What starts a real server: command, whole environment, folder; `url` and `ready` over HTTP only."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    url: str | None = None
    ready: str | None = None


@dataclass(frozen=True)
class _Spec:
    """What every spec has: the server's name, and what the agent is to configure it with.

    `headers` are for a server that is reached over HTTP or SSE, `env` is for one over stdio. `tools` filters its tools.
    """

    name: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    env: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    tools: ToolFilter | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class StubServer(_Spec):
    """A stub, over any transport."""

    stub: Stub


@dataclass(frozen=True)
class StdioServer(_Spec):
    """A real server over stdio. Of a `private` one the agent learns neither command nor environment."""

    prepared: Prepared
    private: bool = False


@dataclass(frozen=True)
class HttpServer(_Spec):
    """A real server at a URL; the lab sends it the `private_headers`, of which the agent learns nothing."""

    url: str
    private_headers: Mapping[str, str] = field(default_factory=dict[str, str])


ServerSpec = StubServer | StdioServer | HttpServer
