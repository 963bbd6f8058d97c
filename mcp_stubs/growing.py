"""A server whose list of tools changes while it is connected, and which says so."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.subscriptions import ToolsListChanged
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_stubs._room import Room
from mcp_stubs._stub import Context, StubServer, StubTool, echo_tool, tool_server


def create(name: str, room: Room) -> StubServer:  # noqa: ARG001
    """Return the server; its tools are the same for all its sessions."""
    tools: list[StubTool] = []
    bus = InMemorySubscriptionBus()

    async def grow(ctx: Context, _: dict[str, Any]) -> str:
        tools[1:] = [echo_tool("grown")]
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            await bus.publish(ToolsListChanged())
        else:
            # On the call's own stream, ahead of the result: the GET stream may not be open yet.
            await ctx.session.send_notification(types.ToolListChangedNotification(), ctx.request_id)
        return "grown"

    tools += [
        StubTool("grow", "Add the tool `grown`, and take `seedling` away.", grow),
        echo_tool("seedling"),
    ]
    server = tool_server(name, tools)
    server.list_changed = True
    listen = ListenHandler(bus)
    server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, listen)
    return server


if __name__ == "__main__":
    from mcp_stubs._alone import main

    main(create)
