"""discord: every run opens connections of its own to its MCP servers, and closes them when it ends."""

from collections.abc import Mapping
from typing import Any

from fastmcp.mcp_config import RemoteMCPServer, StdioMCPServer
from pydantic_ai import AbstractToolset, Agent, CombinedToolset, RunContext
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings

from agents.common.memory import Memory
from agents.common.tools import common_toolset
from agents.discord.prompts import INSTRUCTIONS
from agents.discord.tools import DiscordDeps, discord_toolset

INIT_TIMEOUT = 30
"""Seconds to connect. For an answer there is the library's own time: 300 seconds."""


def create_agent(
    mcp_servers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Agent[DiscordDeps | None, str]:
    """Return a new bot, with a memory of its own, that may use these MCP servers."""
    agent = Agent(
        OpenAIChatModel("gpt-4.1"),
        name="discord",
        instructions=INSTRUCTIONS,
        deps_type=DiscordDeps | None,
        toolsets=[common_toolset(Memory()), discord_toolset()],
        model_settings=ModelSettings(temperature=0.3),
        retries=2,
    )
    configs = {name: server_config(spec) for name, spec in (mcp_servers or {}).items()}

    @agent.toolset(per_run_step=False)
    def mcp(_: RunContext[DiscordDeps | None]) -> AbstractToolset[DiscordDeps | None]:
        """Build this run's connections."""
        return CombinedToolset(
            [
                MCPToolset(config.to_transport(), id=name, init_timeout=INIT_TIMEOUT).prefixed(name)
                for name, config in configs.items()
            ]
        )

    return agent


def server_config(spec: Mapping[str, Any]) -> StdioMCPServer | RemoteMCPServer:
    """Check one entry while the agent is built, not first in the middle of a conversation."""
    if "command" in spec:
        return StdioMCPServer(
            command=spec["command"],
            args=list(spec.get("args") or []),
            env=dict(spec.get("env") or {}),
            cwd=spec.get("cwd"),
            keep_alive=False,
        )
    kind = "sse" if spec.get("type") == "sse" else "http"
    return RemoteMCPServer(url=spec["url"], transport=kind, headers=dict(spec.get("headers") or {}))
