"""stan: his MCP toolsets are built once, and the same objects serve him and his sub-agents."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastmcp.client.transports import ClientTransport, SSETransport, StdioTransport, StreamableHttpTransport
from pydantic_ai import Agent, PrefixedToolset, RunContext
from pydantic_ai.mcp import MCPToolset

from agents.common.memory import Memory
from agents.common.tools import common_toolset
from agents.stan import prompts
from agents.stan.tools import StanDeps, sales_toolset

MODEL = "openai-chat:o1-mini"
SECONDS = 30
"""For a server to start, and for each of its answers."""


def create_agent(mcp_servers: Mapping[str, Mapping[str, Any]] | None = None) -> Agent[StanDeps | None, str]:
    """Return a new stan, with a memory and three sub-agents of his own, who may use these MCP servers."""
    shared = [PrefixedToolset(toolset, name) for name, toolset in connections(mcp_servers or {})]
    agent = Agent(
        MODEL,
        name="stan",
        deps_type=StanDeps | None,
        toolsets=[common_toolset(Memory()), sales_toolset(shared), *shared],
        retries=2,
    )
    # No `instructions`: o1-mini knows no system role, and as a user's message they would follow the request.
    agent.system_prompt(dynamic=True)(system_prompt)
    return agent


def system_prompt(ctx: RunContext[StanDeps | None]) -> str:
    """Return the prompt for this customer; of whom nothing is known, that he is not registered."""
    deps = ctx.deps if isinstance(ctx.deps, StanDeps) else StanDeps()
    return prompts.render(deps.status)


def connections(mcp_servers: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, MCPToolset[Any]]]:
    """Yield each server's name and its toolset."""
    for name, spec in mcp_servers.items():
        match spec:
            case {"command": str(command)}:
                process = StdioTransport(
                    command, list(spec.get("args", ())), spec.get("env"), spec.get("cwd"), keep_alive=False
                )
                yield name, _toolset(name, process)
            case {"type": "sse", "url": str(url)}:
                yield name, _toolset(name, SSETransport(url, spec.get("headers")))
            case {"url": str(url)}:
                # Not the bare URL: the library would take one that ends in /sse for the older transport.
                yield name, _toolset(name, StreamableHttpTransport(url, spec.get("headers")))
            case _:
                raise ValueError(f"the MCP server {name!r} has neither a command nor a url")


def _toolset(name: str, transport: ClientTransport) -> MCPToolset[Any]:
    return MCPToolset(transport, id=name, init_timeout=SECONDS, read_timeout=SECONDS)
