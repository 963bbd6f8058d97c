"""An agent of the OpenAI Agents SDK, as its documentation shows it: but for its patience, its defaults are measured."""

from typing import Any

from agents.mcp import MCPServer, MCPServerManager, MCPServerSse, MCPServerStdio, MCPServerStreamableHttp
from openai import AsyncOpenAI

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled

set_tracing_disabled(disabled=True)
PATIENCE = 30
"""Seconds for connecting and for an answer. By default the SDK has 10 and 5, which measures the machine: eight runs at
once, each with a real server of its own that takes more than a second of CPU to start, are longer about it on two
cores."""


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


async def run(task: Any) -> str:
    """Connect to the task's servers, and run the agent once."""
    async with AsyncOpenAI(base_url=task.model.base_url, api_key=task.model.api_key) as client:
        servers = [server(name, entry) for name, entry in task.mcp_servers.items()]
        async with MCPServerManager(servers, connect_timeout_seconds=PATIENCE) as manager:
            agent = Agent(
                name="Assistant",
                instructions="You are a helpful assistant. Use your tools to answer.",
                model=OpenAIResponsesModel(task.model.name, client),
                tools=[order_status],
                mcp_servers=manager.active_servers,
            )
            result = await Runner.run(agent, task.prompt)
            return result.final_output
