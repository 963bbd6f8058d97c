"""An owner's agent: any async callable. It needs what the base install has, and nothing of `matrix`."""

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def agent(task: Any) -> str:
    """Answer a task with the tools of its MCP servers."""
    provider = OpenAIProvider(base_url=task.model.base_url, api_key=task.model.api_key)
    toolsets = [MCPToolset(server["url"]) for server in task.mcp_servers.values()]
    answering = Agent(OpenAIChatModel(task.model.name, provider=provider), toolsets=toolsets)
    return (await answering.run(task.prompt)).output
