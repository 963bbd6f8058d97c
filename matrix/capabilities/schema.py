"""schema: whether a tool's input schema keeps its meaning on the way to the model.

Meaning is judged by examples: what the server's schema accepts or refuses, the offered one has to accept or refuse.
So an agent may inline references or rewrite unions as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matrix.capabilities.calls import expect_arrived
from matrix.capabilities.meaning import alternatives, losses
from matrix.capabilities.registry import capability
from matrix.capabilities.verbs import CellVerbs, Run, expect
from matrix.json_access import mapping, sequence
from matrix.lab.model.finding import find_tool
from matrix.lab.model.strict_arguments import completed
from matrix.lab.records import OfferedTool
from matrix.lab.script import Call, call, call_with, together

_LONG_NAME = re.compile(r"`([^`]{24})[^`]{12,}`")
ADDRESS = {"street": "Main St 1", "country": {"code": "FR"}}
_LIMITS = ("pattern", "format", "minimum", "maximum", "minItems", "maxItems", "default")
"""What every provider has a word for, with the exceptions of `_unsayable`."""


@capability(
    "schema.refs",
    severity="core",
    servers=["schemas"],
    failures=["google-gemini/gemini-cli#13326", "anomalyco/opencode#12295", "grll/mcpadapt#39"],
    shares_a_run=True,
)
async def refs(cell: CellVerbs) -> None:
    """`$ref` and `$defs` reach the model resolved or intact.

    The offered schema has to accept a nested address and to refuse one whose country, two references deep, is wrong.
    A call with such an argument then has to arrive unchanged.
    """
    sent = {"home": ADDRESS, "work": ADDRESS}
    run = await cell.ask(call_with("refs", sent))
    tool = _offered(cell, run, "refs")
    accepts(tool, sent)
    _refuses(tool, {"home": {"street": "Main St 1", "country": {"code": 7}}, "work": ADDRESS}, "a wrong type")
    _refuses(tool, {"home": {"country": {"code": "FR"}}, "work": ADDRESS}, "a missing street")
    expect_arrived(cell, "refs", sent)


@capability(
    "schema.nullable-unions",
    severity="core",
    servers=["schemas"],
    failures=["crewAIInc/crewAI#7280"],
    shares_a_run=True,
)
async def nullable_unions(cell: CellVerbs) -> None:
    """`anyOf` with null and `["string","null"]` keep their meaning.

    The offered schema has to accept null and the other type, and to refuse a third; a null has to arrive as null.
    """
    sent = {"any_of": None, "type_list": None}
    run = await cell.ask(call_with("nullable", sent))
    tool = _offered(cell, run, "nullable")
    accepts(tool, sent)
    accepts(tool, {"any_of": 3, "type_list": "text"})
    _refuses(tool, {"any_of": "three", "type_list": None}, "a text where a number or null belongs")
    _refuses(tool, {"any_of": None, "type_list": 3}, "a number where a text or null belongs")
    expect_arrived(cell, "nullable", sent)


@capability(
    "schema.enum-items",
    severity="expected",
    servers=["schemas"],
    failures=["grll/mcpadapt#39", "NVIDIA/NeMo-Agent-Toolkit#342"],
    shares_a_run=True,
)
async def enum_items(cell: CellVerbs) -> None:
    """Enum, const and array item types are kept.

    The offered schema has to refuse a value that is not among those listed, another constant, and an item of another
    type; a call with good ones has to arrive unchanged.
    """
    sent: dict[str, Any] = {"colour": "red", "kind": "paint", "sizes": [1, 20], "finishes": ["matt", "gloss"]}
    run = await cell.ask(call_with("enum_items", sent))
    tool = _offered(cell, run, "enum_items")
    accepts(tool, sent)
    _refuses(tool, {**sent, "colour": "purple"}, "a colour that is not in its enum")
    _refuses(tool, {**sent, "kind": "wood"}, "another value than the constant of `kind`")
    _refuses(tool, {**sent, "sizes": ["large"]}, "a text among the integers of `sizes`, whose item type is gone")
    _refuses(tool, {**sent, "finishes": ["wet"]}, "an item of `finishes` that is not in its enum")
    expect_arrived(cell, "enum_items", sent)


@capability(
    "schema.constraints",
    severity="expected",
    servers=["schemas"],
    shares_a_run=True,
)
async def constraints(cell: CellVerbs) -> None:
    """Required, defaults, min/max, pattern and format are kept.

    Each has to stand at its property, or to be told in words in the descriptions, where the provider's schemas have no
    keyword for it.
    """
    sent = {"code": "ABC-12", "day": "2026-07-28"}
    run = await cell.ask(call_with("constraints", sent))
    tool = _offered(cell, run, "constraints")
    wanted = _listed(cell, "constraints")
    free = sorted(set(sequence(wanted.get("required"))) - set(sequence(tool.schema.get("required"))))
    expect(not free, f"the offered schema no longer requires {', '.join(free)}")
    lost = [
        f"`{keyword}` of {name}"
        for name, limits in mapping(wanted.get("properties")).items()
        for keyword in _LIMITS
        if keyword in limits and not _is_told(tool, name, keyword, limits[keyword])
    ]
    expect(not lost, f"the offered schema lost {', '.join(lost)}")
    expect_arrived(cell, "constraints", sent)


@capability(
    "schema.odd-shapes",
    severity="expected",
    servers=["schemas"],
    failures=["huggingface/smolagents#626", "NousResearch/hermes-agent#110530"],
    shares_a_run=True,
)
async def odd_shapes(cell: CellVerbs) -> None:
    """An untyped property, or one named `properties`, works.

    Both have to be offered and required, and a call with both has to arrive unchanged.
    """
    sent = {"anything": "a text", "properties": "another"}
    run = await cell.ask(call_with("odd_shapes", sent))
    tool = _offered(cell, run, "odd_shapes")
    accepts(tool, sent)
    lost = losses(_listed(cell, "odd_shapes"), tool.schema)
    expect(not lost, f"of the offered schema {'; '.join(lost)}")
    expect_arrived(cell, "odd_shapes", sent)


@capability(
    "schema.empty-object",
    severity="core",
    servers=["schemas"],
    failures=["openai/openai-agents-python#449", "langchain-ai/langchain-mcp-adapters#137"],
    shares_a_run=True,
)
async def empty_object(cell: CellVerbs) -> None:
    """A tool without arguments is usable.

    It is called without arguments; the server has to see none, and the model its result. The key `arguments` may be
    missing (a note says so); it may not be null.
    """
    run = await cell.ask(call("empty"))
    accepts(_offered(cell, run, "empty"), {})
    expect_arrived(cell, "empty", {})
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
    expect_arrived(cell, "bare_array", sent)
    expect_arrived(cell, "files.read", {"path": "a"})


def accepts(tool: OfferedTool, example: Mapping[str, Any]) -> None:
    """Expect that the offered schema accepts these arguments, or the same with null for what was left out."""
    try:
        valid = _valid(tool.schema, example) or _valid(tool.schema, completed(example, tool.schema))
    except Exception as problem:  # noqa: BLE001  (a dangling reference shows only when it is followed)
        valid = False
        expect(valid, f"the offered schema of {tool.name} is broken: {problem}")
    expect(valid, f"the offered schema of {tool.name} no longer accepts {dict(example)}")


def _refuses(tool: OfferedTool, example: Mapping[str, Any], what: str) -> None:
    refused = not _valid(tool.schema, completed(example, tool.schema))
    expect(refused, f"the offered schema of {tool.name} accepts {what}: its meaning is lost")


def _offered(cell: CellVerbs, run: Run, tool: str) -> OfferedTool:
    name = find_tool(Call(tool, server=cell.servers[0]), run.offered, cell.trace.listed(cell.servers[0]))
    found = next((each for each in run.offered if each.name == name), None)
    expect(found is not None, f"the tool {tool} was not offered")
    return found or run.offered[0]


def _listed(cell: CellVerbs, tool: str) -> Mapping[str, Any]:
    """Return the input schema that the server listed."""
    return mapping(cell.trace.listed(cell.servers[0])[tool].get("inputSchema"))


def _valid(schema: Mapping[str, Any], example: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (listing the capabilities must stay light)

    validator: Any = Draft202012Validator(dict(schema))
    return bool(validator.is_valid(dict(example)))


def _is_told(tool: OfferedTool, name: str, keyword: str, value: Any) -> bool:
    """Whether a keyword stands at a property, is told in words, or cannot be said in this kind of schema."""
    own = mapping(mapping(tool.schema.get("properties")).get(name))
    if keyword in _unsayable(tool) or any(each.get(keyword) == value for each in alternatives(tool.schema, own)):
        return True
    in_words = str(own.get("description", ""))
    return str(value) in in_words or (keyword in tool.description and str(value) in tool.description)


def _unsayable(tool: OfferedTool) -> frozenset[str]:
    """Return the keywords that the provider has no word for.

    OpenAI's strict schemas know no `default` (guide to structured outputs, "Supported schemas"); `parameters` of
    Google's declarations knows the formats `enum` and `date-time` of a string only (`Schema.format`).
    """
    function = mapping(tool.raw.get("function", tool.raw))
    if function.get("strict") is True:
        return frozenset({"default"})
    return frozenset({"format"}) if "parameters" in tool.raw and "type" not in tool.raw else frozenset()
