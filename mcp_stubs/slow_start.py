"""A server that needs five seconds to start: nothing is answered before."""

from __future__ import annotations

import anyio

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer
from mcp_stubs.late_start import starting

TRANSPORTS = ("stdio",)
SECONDS = 5.0


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return starting(name, lambda: anyio.sleep(SECONDS))


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
