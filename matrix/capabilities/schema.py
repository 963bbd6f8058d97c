"""schema: whether a tool's input schema keeps its meaning on the way to the model.

Meaning is judged by examples: what the server's schema accepts or refuses, the offered one has to accept or refuse.
So an agent may inline references or rewrite unions as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, expect
from matrix.lab.model.finding import find_tool
from matrix.lab.model.strict_arguments import completed
from matrix.lab.records import OfferedTool
from matrix.lab.script import Call, call, call_with, together

_LONG_NAME = re.compile(r"`([^`]{24})[^`]{12,}`")
ADDRESS = {"street": "Main St 1", "country": {"code": "FR"}}


@capability(
    "schema.refs",
    severity="core",
    servers=["schemas"],
    failures=["google-gemini/gemini-cli#13326", "anomalyco/opencode#12295", "grll/mcpadapt#39"],
)
async def refs(cell: CellVerbs) -> None:
    """`$ref` and `$defs` reach the model resolved or intact.

    The offered schema has to accept a nested address and to refuse one whose country, two references deep, is wrong.
    A call with such an argument then has to arrive unchanged.
    """
    sent = {"home": ADDRESS, "work": ADDRESS}
    run = await cell.ask(call_with("refs", sent))
    tool = _offered(cell, run.offered, "refs")
    accepts(tool, sent)
    _refuses(tool, {"home": {"street": "Main St 1", "country": {"code": 7}}, "work": ADDRESS}, "a wrong type")
    _refuses(tool, {"home": {"country": {"code": "FR"}}, "work": ADDRESS}, "a missing street")
    _arrived(cell, "refs", sent)


@capability(
    "schema.nullable-unions",
    severity="core",
    servers=["schemas"],
    failures=["crewAIInc/crewAI#7280"],
)
async def nullable_unions(cell: CellVerbs) -> None:
    """`anyOf` with null and `["string","null"]` keep their meaning.

    The offered schema has to accept null and the other type, and to refuse a third; a null has to arrive as null.
    """
    sent = {"any_of": None, "type_list": None}
    run = await cell.ask(call_with("nullable", sent))
    tool = _offered(cell, run.offered, "nullable")
    accepts(tool, sent)
    accepts(tool, {"any_of": 3, "type_list": "text"})
    _refuses(tool, {"any_of": "three", "type_list": None}, "a text where a number or null belongs")
    _refuses(tool, {"any_of": None, "type_list": 3}, "a number where a text or null belongs")
    _arrived(cell, "nullable", sent)


@capability(
    "schema.empty-object",
    severity="core",
    servers=["schemas"],
    failures=["openai/openai-agents-python#449", "langchain-ai/langchain-mcp-adapters#137"],
)
async def empty_object(cell: CellVerbs) -> None:
    """A tool without arguments is usable.

    It is called without arguments; the server has to see none, and the model its result.
    """
    run = await cell.ask(call("empty"))
    accepts(_offered(cell, run.offered, "empty"), {})
    _arrived(cell, "empty", {})
    expect("ok" in run.result("empty"), "the model was not shown the tool's result")


@capability(
    "schema.provider-rules",
    severity="core",
    servers=["awkward"],
    failures=[
        "google-gemini/gemini-cli#13326",
        "openai/openai-agents-python#449",
        "microsoft/vscode#243602",
    ],
)
async def provider_rules(cell: CellVerbs) -> None:
    """What is sent to the model obeys that provider's published rules for tool names and schemas.

    The server's tools are legal in MCP: a dotted name, one of 100 characters, an array without `items`, an object
    without `properties`. A provider refuses the whole request for one such tool, so the agent has to mend them, and
    still find the server's tool by the mended name.
    """
    sent = {"values": [1, "two"]}
    run = await cell.ask(
        together(call("files.read", path="a"), call_with("bare_array", sent), call_with("bare_object", {"k": "v"}))
    )
    broken = cell.violations(run.offered)
    told = "; ".join(_LONG_NAME.sub(r"`\1…`", each).rstrip(".") for each in broken)
    expect(not broken, f"the provider would refuse the request: {told}")
    _arrived(cell, "bare_array", sent)
    _arrived(cell, "files.read", {"path": "a"})


def _offered(cell: CellVerbs, offered: tuple[OfferedTool, ...], tool: str) -> OfferedTool:
    name = find_tool(Call(tool, server=cell.servers[0]), offered, cell.trace.listed(cell.servers[0]))
    expect(name is not None, f"the tool {tool} was not offered")
    return next(each for each in offered if each.name == name)


def _valid(schema: Mapping[str, Any], example: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (listing the capabilities must stay light)

    validator: Any = Draft202012Validator(dict(schema))
    return bool(validator.is_valid(dict(example)))


def accepts(tool: OfferedTool, example: Mapping[str, Any]) -> None:
    """Expect that the offered schema accepts these arguments, with null for what a strict one asks for beside them."""
    try:
        valid = _valid(tool.schema, completed(example, tool.schema))
    except Exception as problem:  # noqa: BLE001  (a dangling reference shows only when it is followed)
        valid = False
        expect(valid, f"the offered schema of {tool.name} is broken: {problem}")
    expect(valid, f"the offered schema of {tool.name} no longer accepts {dict(example)}")


def _refuses(tool: OfferedTool, example: Mapping[str, Any], what: str) -> None:
    expect(not _valid(tool.schema, example), f"the offered schema of {tool.name} accepts {what}: its meaning is lost")


def _arrived(cell: CellVerbs, tool: str, arguments: Mapping[str, Any]) -> None:
    seen = [each.arguments for each in cell.trace.calls(tool)]
    others = sorted({each.tool for each in cell.trace.calls()} - set(cell.trace.listed()))
    expect(seen or not others, f"{tool} was never called; the server was asked for {', '.join(others)}")
    expect(seen == [arguments], f"the server saw the arguments {seen[0] if seen else 'of no call'} of {tool}")
