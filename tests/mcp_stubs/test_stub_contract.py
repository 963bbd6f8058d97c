"""Every stub keeps the contract by which it is found and run."""

import ast
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError

from matrix.capabilities.registry import find_capabilities
from mcp_stubs import __file__ as package
from mcp_stubs._room import Room
from mcp_stubs._stub import StubTool, marker, strings, tool_server

FILES = sorted(path for path in Path(package).parent.glob("*.py") if not path.name.startswith("_"))
NAMES = [path.stem for path in FILES]
TRANSPORTS = {"stdio", "http", "sse"}
REVISIONS = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}
AWAITED = {
    "growing": ("discovery.list-changed",),
    "instructions": ("lifecycle.instructions",),
    "looping": ("discovery.pagination-loop",),
    "noisy": ("transport.stderr-flood",),
    "postonly404": ("transport.get-rejected",),
    "recursive": ("schema.recursive",),
    "silent_discover": ("lifecycle.discover-fallback",),
    "stateful": ("lifecycle.session-reuse",),
}
"""Stubs that no capability asks about yet, and the capabilities of the catalogue that need what they do."""

pytestmark = pytest.mark.anyio


def literal(tree, name):
    """Return the literal that is assigned to this name at the top of the module, or None."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", None) == name for t in node.targets):
            return ast.literal_eval(node.value)
    return None


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_stub_says_its_behaviour_in_one_sentence_and_runs_alone(path):
    source = path.read_text()
    tree = ast.parse(source)
    summary = ast.get_docstring(tree).partition("\n")[0]
    assert summary.endswith(".")
    assert "main(create" in source
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [arg.arg for arg in functions["create"].args.args] == ["name", "room"]
    assert ("http" in functions) == ("main(create, http)" in source)


def test_every_stub_serves_a_capability_or_is_awaited_by_one_of_the_catalogue():
    serving = {server for each in find_capabilities() for server in each.servers}
    assert set(NAMES) - serving == set(AWAITED)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_transports_and_revisions_are_literal_tuples_of_known_values(path):
    tree = ast.parse(path.read_text())
    for name, known in (("TRANSPORTS", TRANSPORTS), ("REVISIONS", REVISIONS)):
        value = literal(tree, name)
        assert value is None or (isinstance(value, tuple) and value and set(value) <= known)


@pytest.mark.parametrize("path", sorted(Path(package).parent.glob("*.py")), ids=lambda path: path.stem)
def test_a_stub_imports_nothing_of_the_tool(path):
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [module for module in modules if module.split(".")[0] in {"matrix", "agents"}]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"dying", "silent_discover"}])
async def test_every_tool_carries_its_marker_and_names_the_server(name, mode, connect):
    async with connect(name, mode=mode, name="some-server") as client:
        tools = (await client.list_tools()).tools
        assert tools
        assert client.server_info.name == "some-server"
        for tool in tools:
            assert tool.description.endswith(marker("some-server", tool.name))


async def test_an_unknown_tool_is_answered_with_minus_32602(connect):
    async with connect("echo") as client:
        with pytest.raises(MCPError, match="Unknown tool: nonesuch") as caught:
            await client.call_tool("nonesuch", {})
        assert caught.value.code == -32602


async def test_a_missing_argument_is_a_result_that_is_an_error(connect, said):
    async with connect("echo") as client:
        result = await client.call_tool("echo", {})
        assert result.is_error
        assert said(result) == "Missing argument: text"


async def test_an_unknown_cursor_is_answered_with_minus_32602(connect):
    async with connect("paginated") as client:
        with pytest.raises(MCPError, match="Unknown cursor: x") as caught:
            await client.list_tools(cursor="x")
        assert caught.value.code == -32602


async def test_a_handler_may_return_text_blocks_or_a_whole_result(connect, said):
    from mcp_stubs._stub import text_result

    outcomes = {"text": "one", "result": text_result("two"), "blocks": text_result("three").content}

    def tool(name):
        async def handler(_, __):
            return outcomes[name]

        return StubTool(name, "Return something.", handler, strings())

    async with connect(tool_server("many-ways", [tool(name) for name in outcomes])) as client:
        assert [said(await client.call_tool(name, {})) for name in outcomes] == ["one", "two", "three"]


async def test_the_facts_of_a_room_and_its_events_are_shared():
    room = Room()
    assert room.event("x") is room.event("x")
    assert room.event("x") is not room.event("y")
    assert room.facts == {}
