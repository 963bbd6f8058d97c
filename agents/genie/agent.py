"""genie: one client per server, whose absence is survived, and the same servers again for the delegates."""

from collections.abc import Mapping
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from pydantic_ai import AbstractToolset, Agent, RunContext
from pydantic_ai.mcp import MCPToolset

from agents.common.memory import Memory
from agents.common.tools import common_toolset
from agents.genie import prompts
from agents.genie.budget import budget_of
from agents.genie.optional import OptionalToolset
from agents.genie.tools import orchestration_toolset

MODEL = "openai-chat:gpt-4o"


def create_agent(mcp_servers: Mapping[str, Mapping[str, Any]] | None = None) -> Agent[Any, str]:
    """Return a new genie, with a memory of its own, who and whose delegates may use these MCP servers."""
    servers = dict(mcp_servers or {})
    memory = Memory()
    return Agent(
        MODEL,
        name="genie",
        instructions=instructions,
        toolsets=[
            common_toolset(memory),
            orchestration_toolset(memory, servers),
            *(own_toolset(name, client(spec)) for name, spec in servers.items()),
        ],
        retries=2,
    )


def instructions(ctx: RunContext[Any]) -> str:
    """Return the prompt with the budget that the request names."""
    return prompts.render(budget_of(ctx))


def own_toolset(name: str, connection: Client[Any]) -> AbstractToolset[Any]:
    """Return the tools of one server, if it is there.

    The list is asked for at every step: a client that was built beforehand does not tell the toolset that the
    server's list has changed, so a cached one would go stale.
    """
    return OptionalToolset(MCPToolset(connection, id=name, cache_tools=False)).prefixed(name)


def client(spec: Mapping[str, Any]) -> Client[Any]:
    """Return the client for one server; 30 seconds to connect, 10 for an answer."""
    if "url" in spec:
        kind = {"sse": SSETransport, "http": StreamableHttpTransport}[spec.get("type", "http")]
        return Client(kind(spec["url"], headers=spec.get("headers")), init_timeout=30, timeout=30)
    process = StdioTransport(
        spec["command"],
        args=list(spec.get("args") or []),
        env=spec.get("env"),
        cwd=spec.get("cwd"),
        keep_alive=False,
    )
    return Client(process, init_timeout=30, timeout=30)
