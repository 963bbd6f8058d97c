"""A server of the handshake era that never answers `server/discover`."""

from __future__ import annotations

import anyio

from mcp_stubs._room import Room
from mcp_stubs._stub import StubServer
from mcp_stubs.refuses_discover import without_discover

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    return without_discover(name, anyio.sleep_forever)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
