"""A server whose list of tools never ends: every page is the first one, and names the same next one."""

from __future__ import annotations

import mcp_types as types

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, echo_tool, listed, tool_server


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; it needs nothing of the room."""
    tool = echo_tool()
    server = tool_server(name, [tool])

    async def list_tools(_: Context, __: types.PaginatedRequestParams) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[listed(name, tool)], next_cursor="again")

    server.add_request_handler("tools/list", types.PaginatedRequestParams, list_tools)
    return server


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
