"""The official SDK's client, as the conformance suite starts it: its scenario in the environment, the URL last."""

from __future__ import annotations

import asyncio
import sys

from mcp import Client


async def main(url: str) -> None:
    """Connect, list, and call what there is."""
    async with Client(url, mode="legacy") as client:
        listed = await client.list_tools()
        for tool in listed.tools:
            await client.call_tool(tool.name, {"a": 5, "b": 3})


asyncio.run(main(sys.argv[-1]))
