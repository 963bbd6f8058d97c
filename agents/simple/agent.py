"""simple: one MCP toolset per server, built with the agent and shared by all of its runs."""

from collections.abc import Mapping
from typing import Any

from fastmcp.client.transports import ClientTransport, SSETransport, StdioTransport, StreamableHttpTransport
from pydantic_ai import AbstractToolset, Agent, RunContext
from pydantic_ai.mcp import MCPToolset

from agents.common.memory import Memory
from agents.common.tools import common_toolset
from agents.common.whatsapp import whatsapp_toolset
from agents.simple import prompts

MODEL = "openai:gpt-4.1-mini"
INIT_TIMEOUT = 30
READ_TIMEOUT = 30


def create_agent(mcp_servers: Mapping[str, Mapping[str, Any]] | None = None) -> Agent[Any, str]:
    """Return a new assistant, with a memory of its own, that may use these MCP servers."""
    memory = Memory()

    def instructions(ctx: RunContext[Any]) -> str:
        known = {name: memory.get(name) for name in prompts.VARIABLES}
        return prompts.render({**known, "run_id": ctx.run_id})

    servers = [mcp_toolset(name, spec) for name, spec in (mcp_servers or {}).items()]
    return Agent(
        MODEL,
        name="simple",
        instructions=instructions,
        toolsets=[common_toolset(memory), whatsapp_toolset(), *servers],
        retries=2,
    )


def mcp_toolset(name: str, spec: Mapping[str, Any]) -> AbstractToolset[Any]:
    """Return the tools of one server, each with the server's name before its own."""
    toolset: MCPToolset[Any] = MCPToolset(
        transport(spec), id=name, init_timeout=INIT_TIMEOUT, read_timeout=READ_TIMEOUT
    )
    return toolset.prefixed(name)


def transport(spec: Mapping[str, Any]) -> ClientTransport:
    """Return the way to one server, as its entry says."""
    if "command" in spec:
        return StdioTransport(
            spec["command"],
            args=list(spec.get("args") or []),
            env=spec.get("env"),
            cwd=spec.get("cwd"),
            keep_alive=False,
        )
    remote = SSETransport if spec.get("type") == "sse" else StreamableHttpTransport
    return remote(spec["url"], headers=spec.get("headers"))
