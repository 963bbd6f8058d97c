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
from matrix.lab.servers.spec import HttpServer, ServerSpec, StdioServer, StubServer
from matrix.lab.servers.tool_filter import WireFilter
from matrix.lab.trace import Trace
from matrix.model import Transport


def attach(
    spec: ServerSpec, key: str, trace: Trace, *, transport: Transport, revision: str, room: Any
) -> AnyAttachment:
    """Return the attachment of a server; the stubs of one cell share a `room`.

    Raises ValueError for what no transport or filter can do: such a cell must not have been planned.
    """
    gate = RevisionGate(revision)
    tools = None if spec.tools is None else WireFilter(spec.tools)
    if tools is not None and transport is not Transport.HTTP and not (isinstance(spec, StdioServer) and spec.private):
        raise ValueError(f"{spec.name}: tools are filtered over HTTP, and over stdio where the server is private")
    match spec:
        case StubServer():
            return _made(spec, key, trace, revision, room, tools)
        case StdioServer(prepared=prepared):
            if transport is not Transport.STDIO:
                raise ValueError(f"{spec.name} is a stdio server, which is not to be had over {transport}")
            kind = RelayedServer if spec.private else WatchedServer
            return kind(key, spec.name, trace, gate, prepared, tools=tools)
        case HttpServer():
            if transport is Transport.STDIO:
                raise ValueError(f"{spec.name} is an HTTP server, which is not to be had over stdio")
            return ProxiedServer(key, spec.name, trace, gate, spec.url, spec.private_headers, tools=tools)


def _made(
    spec: StubServer, key: str, trace: Trace, revision: str, room: Any, tools: WireFilter | None
) -> ResidentStub | DeadStub:
    """Make a stub; one that exits is dead on arrival."""
    words: list[str] = []
    stderr = LineWriter(words.append)
    token = spec.stub.stderr.set(stderr)
    try:
        sdk = spec.stub.create(spec.name, room)
    except SystemExit as death:
        stderr.flush()
        code = death.code if isinstance(death.code, int) else 1
        return DeadStub(key, spec.name, trace, RevisionGate(revision), code or 1, "".join(words), tools=tools)
    finally:
        spec.stub.stderr.reset(token)
    gate = RevisionGate(revision, getattr(sdk, "handshake_only", False))
    return ResidentStub(key, spec.name, trace, gate, spec.stub, sdk, room, tools=tools)
