"""Rows whose environments cannot be ours, an MCP SDK before 2 and an older pydantic-ai: installed for this."""

from __future__ import annotations

from pathlib import Path

import pytest

from matrix.engine.local import Options
from matrix.model import STATEFUL, Verdict
from matrix.registry import environments
from matrix.registry.registration import from_mapping
from tests.saboteurs.running import CAPABILITIES, planned, ran
from tests.samples import A_TEST

pytestmark = pytest.mark.soak
QUESTIONS = ["invoke.round-trip", "concurrency.many-runs"]
OF_THE_SDK = """\
import json
from contextlib import AsyncExitStack
from importlib.metadata import version

import httpx
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

if int(version("mcp").partition(".")[0]) >= 2:
    raise RuntimeError("this is not the environment that was asked for")


async def agent(task):
    async with AsyncExitStack() as stack:
        tools = {}
        for name, entry in task.mcp_servers.items():
            pipes = await stack.enter_async_context(stdio_client(StdioServerParameters(**entry)))
            session = await stack.enter_async_context(ClientSession(*pipes))
            await session.initialize()
            for tool in (await session.list_tools()).tools:
                tools[f"{name}__{tool.name}"] = (session, tool)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=None))
        return await converse(task, tools, http)


async def converse(task, tools, http):
    functions = [
        {"name": name, "description": tool.description or "", "parameters": {"properties": {}, **tool.inputSchema}}
        for name, (_, tool) in tools.items()
    ]
    messages = [{"role": "user", "content": task.prompt}]
    while True:
        body = {"model": task.model.name, "messages": messages}
        body["tools"] = [{"type": "function", "function": each} for each in functions]
        answer = await http.post(f"{task.model.base_url}/chat/completions", json=body)
        message = answer.raise_for_status().json()["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        for call in message["tool_calls"]:
            session, tool = tools[call["function"]["name"]]
            result = await session.call_tool(tool.name, json.loads(call["function"]["arguments"]))
            text = "".join(block.text for block in result.content)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})
"""
OF_PYDANTIC_AI = """\
from importlib.metadata import version

from pydantic_ai import Agent

if not version("pydantic-ai-slim").startswith("1."):
    raise RuntimeError("this is not the environment that was asked for")

agent = Agent("openai:gpt-4.1-mini")
"""
ROWS = {
    "sdk": (OF_THE_SDK, ["mcp==1.30.0"]),
    # The release's own bounds let in later, incompatible releases of what it rests on.
    "pydantic-ai": (
        OF_PYDANTIC_AI,
        ["pydantic-ai-slim[mcp,openai]==1.20.0", "mcp==1.30.0", "opentelemetry-api==1.37.0"],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_whose_packages_cannot_share_our_environment_is_green(tmp_path: Path, name: str) -> None:
    text, packages = ROWS[name]
    (tmp_path / "run.py").write_text(text)
    row = from_mapping({"target": "run:agent", "install": {"pypi": packages}}, name, A_TEST, tmp_path)
    assert row.problem is None
    assert row.environment is not None
    environments.ensure(row.environment, lambda _: None)
    chosen = [CAPABILITIES[each] for each in QUESTIONS]
    plan = planned([row], chosen, lambda cell: (cell.transport, cell.revision) == ("stdio", STATEFUL))
    found = {each.cell.capability: (each.verdict, each.reason) for each in ran(plan, Options())}
    assert found == {each.id: (Verdict.PASSED, "") for each in chosen}
