"""Tools that remember what happened in their session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, Handler, StubServer, StubTool, strings, tool_server

if TYPE_CHECKING:
    import mcp_types as types


@dataclass
class _Session:
    client: types.InitializeRequestParams | None
    calls: int = 0
    memory: dict[str, str] = field(default_factory=dict)


class _Sessions:
    """The sessions of one server, told apart by their handshakes, over whatever transport."""

    def __init__(self) -> None:
        self._sessions: list[_Session] = []

    def of(self, ctx: Context) -> _Session | None:
        """Return this call's session, or None where the revision has none."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return None
        # The SDK hands out one and the same object for as long as the session lasts.
        client = ctx.session.client_params
        for session in self._sessions:
            if session.client is client:
                return session
        self._sessions.append(_Session(client))
        return self._sessions[-1]


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; sessions share nothing, not even a room."""
    sessions = _Sessions()

    def in_session(use: Callable[[_Session, dict[str, Any]], str]) -> Handler:
        async def handler(ctx: Context, arguments: dict[str, Any]) -> str:
            session = sessions.of(ctx)
            if session is None:
                return f"no session: {ctx.protocol_version} is stateless"
            session.calls += 1
            return use(session, arguments)

        return handler

    @in_session
    def count(session: _Session, _: dict[str, Any]) -> str:
        return str(session.calls)

    @in_session
    def remember(session: _Session, arguments: dict[str, Any]) -> str:
        session.memory[str(arguments["key"])] = str(arguments["value"])
        return f"remembered {arguments['key']}"

    @in_session
    def recall(session: _Session, arguments: dict[str, Any]) -> str:
        return session.memory.get(str(arguments["key"]), "nothing")

    return tool_server(
        name,
        [
            StubTool("count", "Return how many calls this session has made, with this one.", count),
            StubTool("remember", "Keep a value for this session.", remember, strings("key", "value")),
            StubTool("recall", "Return a kept value, or `nothing`.", recall, strings("key")),
        ],
    )


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
