"""A tool that waits a bounded while until all the expected callers are here, and tells each who was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio

from mcp_stubs._stub import Context, Room, StubServer, StubTool, described, tool_server

PATIENCE = 20.0
"""Seconds after which the assembly goes on with those who are here; clients give a call up after thirty."""


@dataclass
class _Assembly:
    here: list[str] = field(default_factory=list)
    full: anyio.Event = field(default_factory=anyio.Event)


def create(name: str, room: Room) -> StubServer:
    """Return the server; one assembly after the other."""

    async def gather(_: Context, arguments: dict[str, Any]) -> str:
        token, of = str(arguments["token"]), int(arguments["of"])
        assembly: _Assembly = room.facts.setdefault("assembly", _Assembly())
        assembly.here.append(token)
        if len(assembly.here) >= of:
            room.facts.pop("assembly", None)
            assembly.full.set()
        else:
            with anyio.move_on_after(PATIENCE):
                await assembly.full.wait()
        company = len(assembly.here) - 1
        return f"{token}: {'alone' if company == 0 else f'with {company} others'}"

    schema = described(
        ["token", "of"],
        token=("string", "Handed back to this caller."),
        of=("integer", "How many callers are expected."),
    )
    return tool_server(name, [StubTool("gather", "Wait for everybody, then say who was here.", gather, schema)])


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
