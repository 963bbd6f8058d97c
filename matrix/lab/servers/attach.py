"""From a spec to an attachment: stubs are made here, and some do not survive it."""

from __future__ import annotations

from typing import Any

from matrix.lab.servers.attachment import (
    AnyAttachment,
    DeadStub,
    ProxiedServer,
    RelayedServer,
    ResidentStub,
    WatchedServer,
)
from matrix.lab.servers.line_writer import LineWriter
from matrix.lab.servers.revision_gate import RevisionGate
from matrix.lab.servers.spec import ServerSpec, Stub, StubServer
from matrix.lab.servers.tool_filter import WireFilter
from matrix.lab.trace import Trace
from matrix.model import Transport
from matrix.sources import HttpServer, StdioServer


def attach(
    spec: ServerSpec, key: str, trace: Trace, *, transport: Transport, revision: str, room: Any
) -> AnyAttachment:
    """Return the attachment of a server; the stubs of one cell share a `room`.

    Raises ValueError for what no transport or filter can do: such a cell must not have been planned.
    """
    name, server = spec.name, spec.server
    tools = None if server.tools is None else WireFilter(server.tools)
    relayed = isinstance(server, StdioServer) and server.private
    if tools is not None and transport is not Transport.HTTP and not relayed:
        raise ValueError(f"{name}: tools are filtered over HTTP, and over stdio where the server is private")
    match server:
        case StubServer(stub):
            return _made(stub, key, name, trace, revision, room, tools)
        case StdioServer():
            if transport is not Transport.STDIO:
                raise ValueError(f"{name} is a stdio server, which is not to be had over {transport}")
            kind = RelayedServer if relayed else WatchedServer
            return kind(key, name, trace, RevisionGate(revision), server, tools=tools)
        case HttpServer():
            if transport is Transport.STDIO:
                raise ValueError(f"{name} is an HTTP server, which is not to be had over stdio")
            return ProxiedServer(key, name, trace, RevisionGate(revision), server.url, server.headers, tools=tools)


def _made(
    stub: Stub, key: str, name: str, trace: Trace, revision: str, room: Any, tools: WireFilter | None
) -> ResidentStub | DeadStub:
    """Make a stub; one that exits is dead on arrival."""
    words: list[str] = []
    stderr = LineWriter(words.append)
    token = stub.stderr.set(stderr)
    try:
        sdk = stub.create(name, room)
    except SystemExit as death:
        stderr.flush()
        code = death.code if isinstance(death.code, int) else 1
        return DeadStub(key, name, trace, RevisionGate(revision), code or 1, "".join(words), tools=tools)
    finally:
        stub.stderr.reset(token)
    gate = RevisionGate(revision, getattr(sdk, "handshake_only", False))
    return ResidentStub(key, name, trace, gate, stub, sdk, room, tools=tools)
