"""A tool that waits a bounded while until all the expected callers are here, and tells each who was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, described, tool_server

PATIENCE = 4.0
"""Seconds for which a caller is held at most; no client that is known gives a call up sooner."""


@dataclass
class _Assembly:
    here: list[str] = field(default_factory=list)

    def is_full(self, expected: int, gone: set[str]) -> bool:
        """Whether everybody is here who can still come."""
        return len({*self.here} | gone) >= expected


def create(name: str, room: Room) -> StubServer:
    """Return the server; one assembly after the other."""

    async def gather(_: Context, arguments: dict[str, Any]) -> str:
        token, of = str(arguments["token"]), int(arguments["of"])
        assembly: _Assembly = room.facts.setdefault("assembly", _Assembly())
        assembly.here.append(token)
        room.announce()
        with anyio.move_on_after(PATIENCE):
            while not assembly.is_full(of, room.gone):
                await room.news()
        if assembly.is_full(of, room.gone) and room.facts.get("assembly") is assembly:
            del room.facts["assembly"]
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
