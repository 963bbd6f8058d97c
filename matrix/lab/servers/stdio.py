"""The lab's stdio end: stubs live here, and the process that an agent starts is only a bridge to them.

Each bridge connects to one Unix socket and says which attachment it belongs to; what becomes of its lines is the
business of its session.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from matrix.json_access import mapping
from matrix.lab.records import ProcessEventKind
from matrix.lab.servers import bridge
from matrix.lab.servers.attachment import (
    AnyAttachment,
    DeadStub,
    ProxiedServer,
    RelayedServer,
    ResidentStub,
    WatchedServer,
)
from matrix.lab.servers.bridge_sessions import BridgeLink, BridgeSession, DeadSession, RelayedSession, WatchedSession
from matrix.lab.servers.stub_session import StubSession

_LINE_LIMIT = 256 * 1024 * 1024
_LOG = logging.getLogger(__name__)


def bridge_argv(socket: Path, attachment: AnyAttachment) -> list[str]:
    """Return the command line that an agent starts as its stdio server."""
    argv = [sys.executable, "-I", "-S", "-E", str(Path(bridge.__file__)), str(socket), attachment.key]
    if not isinstance(attachment, WatchedServer):
        return argv
    start = attachment.start
    prefork = [] if start.prefork is None else ["--prefork", str(start.prefork)]
    return [*argv, *prefork, "--", *start.argv]


class StdioEnd:
    """Accepts bridges on a Unix socket and serves or records them."""

    def __init__(self, socket: Path, attachments: Mapping[str, AnyAttachment]) -> None:
        self._socket = socket
        self._attachments = attachments
        self._server: asyncio.Server | None = None
        self._count = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, str(self._socket), limit=_LINE_LIMIT)

    async def stop(self) -> None:
        """Stop listening; the bridges that are still connected end by themselves when the lab's loop does."""
        if self._server is not None:
            self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = mapping(json.loads((await reader.readline())[1:]))
            attachment = self._attachments.get(str(hello.get("key")))
            if attachment is None:
                writer.write(bridge.TO_STDERR + b"this cell has ended\n" + bridge.EXIT + b"4\n")
                return
            self._count += 1
            session = attachment.session(f"bridge-{self._count}")
            pid: int | None = hello.get("pid")
            attachment.process_started(session, pid, hello.get("cwd"), mapping(hello.get("env")))
            attachment.hangups.append(writer.close)
            attachment.bridges += [task for task in (asyncio.current_task(),) if task is not None]
            link = BridgeLink(reader, writer)
            try:
                await _session(attachment, session, link).run()
            finally:
                attachment.process(session, ProcessEventKind.ENDED, pid=pid, detail=link.exit_code)
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            _LOG.debug("a bridge went away", exc_info=True)
        finally:
            writer.close()


def _session(attachment: AnyAttachment, name: str, link: BridgeLink) -> BridgeSession:
    match attachment:
        case ResidentStub():
            return StubSession(attachment, name, link)
        case DeadStub():
            return DeadSession(attachment, name, link)
        case WatchedServer():
            return WatchedSession(attachment, name, link)
        case RelayedServer():
            return RelayedSession(attachment, name, link)
        case ProxiedServer():
            raise ValueError(f"{attachment.server} is reached over HTTP, not through a bridge")
