"""What a user would ask of an agent by hand: five questions, over two transports, so often that it makes 200 cells.

    python -m pytest -n 2 -c benchmarks/handwritten/pytest.ini benchmarks/handwritten/tests.py

They ask what `discovery.list-tools`, `invoke.round-trip`, `invoke.nested-args`, `invoke.tool-error` and
`concurrency.parallel-calls` ask, without the second and the third witness: the model's view is all that they have.
"""

from __future__ import annotations

import json
import os

import pytest
from pydantic_ai.mcp import MCPToolset

from benchmarks.handwritten.agent import agent
from benchmarks.handwritten.scripted import ScriptedModel
from benchmarks.handwritten.server import TOOLS

ROWS = int(os.environ.get("ROWS", "20"))
"""As many agents as a platform has: here it is always the same one."""
TYPED = {
    "text": "tea",
    "number": 0.1,
    "flag": False,
    "nested": {"name": "a", "inner": {"rows": [[1, None], ["two", 2.5]]}},
    "items": ["x", "y"],
}
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("row", range(ROWS))]


async def test_every_tool_is_offered(row: int, toolset: MCPToolset, scripted: ScriptedModel) -> None:
    """Discovery."""
    scripted.play()
    await agent.run(f"hello {row}", model=scripted.model, toolsets=[toolset])
    assert scripted.offered == TOOLS


async def test_a_call_goes_there_and_back(row: int, toolset: MCPToolset, scripted: ScriptedModel) -> None:
    """A round trip."""
    text = f"漢字 😀 {row}"
    scripted.play([("echo", {"text": text})])
    result = await agent.run("call it", model=scripted.model, toolsets=[toolset])
    assert text in scripted.shown[0]
    assert result.output == "done"


async def test_arguments_keep_their_types(row: int, toolset: MCPToolset, scripted: ScriptedModel) -> None:
    """Typed arguments."""
    scripted.play([("record", TYPED)])
    await agent.run(f"call it {row}", model=scripted.model, toolsets=[toolset])
    shown = json.loads(scripted.shown[0])
    assert json.loads(shown["result"] if "result" in shown else json.dumps(shown)) == TYPED


async def test_an_error_reaches_the_model(row: int, toolset: MCPToolset, scripted: ScriptedModel) -> None:
    """An error of a tool, after which the run goes on."""
    scripted.play([("fail", {"message": f"no stock {row}"})])
    result = await agent.run("call it", model=scripted.model, toolsets=[toolset])
    assert f"no stock {row}" in scripted.shown[0]
    assert result.output == "done"


async def test_calls_of_one_turn_are_in_flight_together(row: int, toolset: MCPToolset, scripted: ScriptedModel) -> None:
    """Parallel calls."""
    scripted.play([("meet", {}), ("meet", {})])
    await agent.run(f"call both {row}", model=scripted.model, toolsets=[toolset])
    assert ["met" in each for each in scripted.shown] == [True, True]
