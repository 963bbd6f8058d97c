"""Serving: what has to be true before a port is opened, and the server itself."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from matrix.configs.api import problems
from matrix.configs.api.access import Rates
from matrix.configs.api.app import create_app
from matrix.configs.api.guard import MAX_BODY
from matrix.configs.api.routes import PREFIX
from matrix.configs.database import Database
from matrix.configs.keys import list_keys
from matrix.configs.policy import Policy
from matrix.configs.secrets import Sealer
from matrix.errors import UsageError

_BACKLOG = 2048
_NO_KEY = "make one with `python -m matrix configs key add NAME --scope write`"


@dataclass(frozen=True)
class Settings:
    """Where and how to serve."""

    host: str = "127.0.0.1"
    port: int = 8040
    rates: Rates = field(default_factory=Rates)
    max_body: int = MAX_BODY


async def serve(
    database: Database, sealer: Sealer, policy: Policy, settings: Settings, say: Callable[[str], None]
) -> None:
    """Serve until interrupted; `say` is told the address, and what an owner should know.

    Raises UsageError: the store is not ready, no key and an address that others can reach, or a port that is taken.
    """
    await database.check()
    async with database.reading() as connection:
        keys = [each for each in await list_keys(connection) if each.revoked_at is None]
    if not keys and not is_loopback(settings.host):
        raise UsageError(f"there is no key, and {settings.host} can be reached from other machines; {_NO_KEY}")
    app = create_app(database, sealer, policy, rates=settings.rates, max_body=settings.max_body)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_level="warning",
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=10,
    )
    server = _Server(config)
    with _listening(settings.host, settings.port) as listener, _ended_by_signals(server):
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        say(f"serving {database.shown} on http://{shown}:{port}{PREFIX}")
        if not keys:
            say(f"there is no key yet, so every request will be refused; {_NO_KEY}")
        if not is_loopback(settings.host):
            say("keys travel in clear over http; put a proxy with TLS in front of this")
        await server.serve([listener])


class _Protocol(H11Protocol):
    """HTTP by h11, which holds 64 KiB of an unfinished request at most, whatever else is installed."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or too much of it, as everything else that goes wrong."""
        error = sys.exception()
        status = HTTPStatus(error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400)
        code = "headers-too-large" if status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE else "no-http"
        answer = problems.response(status, code, msg, headers={"Connection": "close"})
        head = h11.Response(status_code=status, headers=answer.raw_headers, reason=status.phrase.encode())
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to us: raised again at the end, they would cancel what closes the database."""
        yield


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Generator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine; a name counts by what it resolves to."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host or "0.0.0.0", None)}  # noqa: S104
    except (OSError, UnicodeError):
        raise UsageError(f"--host {host!r} is no address of this machine") from None
    return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in found)


def _listening(host: str, port: int) -> socket.socket:
    """Open the port. Raises UsageError: it is taken, or not ours to open."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host {host!r} is no address of this machine ({error.strerror})") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --host or --port") from None
    return listener
