"""One run of an agent of the OpenAI Agents SDK: python -I run.py MCP_CONFIG MODEL PROMPT.

Nothing here differs from the SDK's documentation: its defaults are what is measured.
"""

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Any

# The import makes a million objects that all stay; looking for garbage among them costs a fifth of the start-up.
gc.disable()

from agents.mcp import (  # noqa: E402
    MCPServer,
    MCPServerManager,
    MCPServerSse,
    MCPServerStdio,
    MCPServerStreamableHttp,
)

from agents import Agent, Runner, function_tool  # noqa: E402

gc.freeze()
gc.enable()


@function_tool
def order_status(order: str) -> str:
    """Tell where an order is.

    Args:
        order: The order's number, such as A-1017.
    """
    return f"Order {order} was shipped yesterday."


def server(name: str, entry: dict[str, Any]) -> MCPServer:
    """Return the SDK's server for one entry of the configuration."""
    if "command" in entry:
        return MCPServerStdio({key: entry[key] for key in ("command", "args", "env", "cwd") if key in entry}, name=name)
    remote = MCPServerSse if entry["type"] == "sse" else MCPServerStreamableHttp
    return remote({key: entry[key] for key in ("url", "headers") if key in entry}, name=name)


async def main(config: str, model: str, prompt: str) -> None:
    """Connect to the servers, run the agent once, and print its answer."""
    entries = json.loads(Path(config).read_text(encoding="utf-8"))["mcpServers"]  # noqa: ASYNC240 - before the run
    async with MCPServerManager([server(name, entry) for name, entry in entries.items()]) as manager:
        agent = Agent(
            name="Assistant",
            instructions="You are a helpful assistant. Use your tools to answer.",
            model=model,
            tools=[order_status],
            mcp_servers=manager.active_servers,
        )
        result = await Runner.run(agent, prompt)
        print(result.final_output)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
