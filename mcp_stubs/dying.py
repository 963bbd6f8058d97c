"""A server that is dead on arrival: it writes why on stderr and exits 3."""

from __future__ import annotations

from typing import NoReturn

from mcp_stubs._room import Room
from mcp_stubs._stub import STDERR


def create(name: str, room: Room) -> NoReturn:  # noqa: ARG001
    """Write one line to `STDERR` and raise `SystemExit(3)`."""
    stderr = STDERR.get()
    stderr.write(f"{name}: cannot start: no such database\n")
    stderr.flush()
    raise SystemExit(3)


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
