"""sofia: a wrapper around each MCP toolset limits her calls and tries again to connect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from pydantic_ai import AbstractToolset, Agent, RunContext
from pydantic_ai.mcp import MCPToolset

from agents.common.memory import Memory
from agents.common.tools import common_toolset, get_current_date, get_current_time
from agents.common.whatsapp import whatsapp_toolset
from agents.sofia import prompts
from agents.sofia.patience import DELAYS, PatientToolset
from agents.sofia.tools import project_toolset

MODEL = "openai:gpt-4.1"
RETRIES = 3


@dataclass(frozen=True)
class SofiaDeps:
    """Values of prompt variables that the caller of a run knows; they go before what is remembered."""

    variables: Mapping[str, str] = field(default_factory=dict[str, str])


def create_agent(mcp_servers: Mapping[str, Mapping[str, Any]] | None = None) -> Agent[SofiaDeps | None, str]:
    """Return a new sofia, with a memory of her own, who may use these MCP servers."""
    memory = Memory()

    def instructions(ctx: RunContext[SofiaDeps | None]) -> str:
        given: Mapping[str, str] = ctx.deps.variables if isinstance(ctx.deps, SofiaDeps) else {}
        now = {"current_date": get_current_date(), "current_time": get_current_time("%H:%M")}
        known = {**now, "timezone": get_current_time("%Z"), "run_id": ctx.run_id, **given}
        return prompts.render(lambda name: known.get(name) or memory.get(name))

    return Agent(
        MODEL,
        name="sofia",
        instructions=instructions,
        deps_type=SofiaDeps | None,
        toolsets=[
            common_toolset(memory),
            whatsapp_toolset(),
            project_toolset(),
            *(server_toolset(name, spec) for name, spec in (mcp_servers or {}).items()),
        ],
        retries=RETRIES,
    )


def server_toolset(name: str, spec: Mapping[str, Any]) -> AbstractToolset[Any]:
    """Return the tools of one server; the model is shown a tool's error as a failure, for it to judge."""
    if command := spec.get("command"):
        transport = StdioTransport(
            command, spec.get("args") or [], env=spec.get("env"), cwd=spec.get("cwd"), keep_alive=False
        )
    elif spec.get("type") == "sse":
        transport = SSETransport(spec["url"], spec.get("headers"))
    else:
        transport = StreamableHttpTransport(spec["url"], spec.get("headers"))
    toolset: MCPToolset[Any] = MCPToolset(
        transport,
        id=name,
        max_retries=RETRIES,
        tool_error_behavior="failed",
        init_timeout=30,
        read_timeout=30,
    )
    return PatientToolset(toolset.prefixed(name), DELAYS)
