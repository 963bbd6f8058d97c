"""One run of an agent of the OpenAI Agents SDK: python -I run.py MCP_CONFIG MODEL PROMPT.

But for its patience, nothing here differs from the SDK's documentation: its defaults are what is measured.
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

PATIENCE = 30
"""Seconds for connecting and for an answer. By default the SDK has 10 and 5, which measures the machine: eight runs at
once, each with a server process of its own, take longer than that to start on two cores."""


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
        start = {key: entry[key] for key in ("command", "args", "env", "cwd") if key in entry}
        return MCPServerStdio(start, name=name, client_session_timeout_seconds=PATIENCE)
    remote = MCPServerSse if entry["type"] == "sse" else MCPServerStreamableHttp
    address = {key: entry[key] for key in ("url", "headers") if key in entry}
    return remote(address, name=name, client_session_timeout_seconds=PATIENCE)


async def main(config: str, model: str, prompt: str) -> None:
    """Connect to the servers, run the agent once, and print its answer."""
    entries = json.loads(Path(config).read_text(encoding="utf-8"))["mcpServers"]  # noqa: ASYNC240 - before the run
    servers = [server(name, entry) for name, entry in entries.items()]
    async with MCPServerManager(servers, connect_timeout_seconds=PATIENCE) as manager:
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
