"""Tools that stand before others are known by their words and parameters, and called with what their schema asks."""

from __future__ import annotations

import json

import pytest

from matrix.lab.model.meta_tools import MetaTool, shown_tools
from matrix.lab.records import OfferedTool

TEXT = {"type": "string"}
OBJECT = {"type": "object"}


def meta(called, about="", /, required=(), **properties):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return MetaTool(OfferedTool(called, about, schema, {}))


SEARCHES = [
    meta("find_tools", query=TEXT),
    meta("tool_search", query=TEXT, max_results={"type": "integer"}),
    meta("ToolSearch", q=TEXT),
    meta("search-tools", keywords={"type": "array", "items": TEXT}),
    meta("discover", "Search the tools of all servers.", intent=TEXT),
    meta("list_tools"),
    meta("mcp", search=TEXT, tool=TEXT, args=TEXT),
    meta("load_tools", names={"type": "array", "items": TEXT}),
]
CALLERS = [
    meta("use_tool", name=TEXT, arguments=OBJECT),
    meta("call_tool", tool_name=TEXT, args=OBJECT),
    meta("execute-tool", toolName=TEXT, params=TEXT),
    meta("use_mcp_tool", server_name=TEXT, tool_name=TEXT, arguments=TEXT),
    meta("mcp", search=TEXT, tool=TEXT, args=TEXT),
]
DELEGATES = [
    meta("ask_files_agent", task=TEXT),
    meta("specialist_agent", task=TEXT),
    meta("transfer_to_files"),
    meta("task", description=TEXT, prompt=TEXT),
    meta("files", "Hand the work over to a specialist.", request=TEXT),
]
OTHERS = [
    meta("search_web", "Search the web.", query=TEXT),
    meta("send_message", text=TEXT, name=TEXT),
    meta("run_tests", name=TEXT),
    meta("delete_file", path=TEXT),
]


def named(tools):
    return [each.name for each in tools]


@pytest.mark.parametrize("tool", SEARCHES, ids=named(SEARCHES))
def test_what_looks_for_tools_is_known(tool):
    assert tool.looks is not None


@pytest.mark.parametrize("tool", CALLERS, ids=named(CALLERS))
def test_what_calls_tools_is_known(tool):
    assert tool.calls


@pytest.mark.parametrize("tool", DELEGATES, ids=named(DELEGATES))
def test_what_delegates_is_known(tool):
    assert tool.delegates
    assert tool.looks is None
    assert not tool.calls


@pytest.mark.parametrize("tool", OTHERS, ids=named(OTHERS))
def test_an_ordinary_tool_is_none_of_them(tool):
    assert tool.looks is None
    assert not tool.calls
    assert not tool.delegates


def test_a_search_comes_before_a_list_and_a_list_before_what_loads():
    names = [meta("load_tools", names=TEXT), meta("list_tools"), meta("find_tools", query=TEXT)]
    assert named(sorted(names, key=lambda one: one.looks)) == ["find_tools", "list_tools", "load_tools"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (meta("find_tools", query=TEXT, limit={"type": "integer"}), {"query": "echo"}),
        (meta("find_tools", required=["limit"], query=TEXT, limit={"type": "integer", "minimum": 5}), None),
        (meta("find_tools", words={"type": "array", "items": TEXT}), {"words": ["echo"]}),
        (meta("find_tools", required=["mode", "query"], mode={"enum": ["exact", "near"]}, query=TEXT), None),
        (meta("list_tools", required=["server"], server=TEXT, filter=TEXT), None),
        (meta("find_tools", required=["query", "kind"], query=TEXT, kind={"type": ["string", "null"]}), None),
        (meta("list_tools"), {}),
    ],
)
def test_a_search_is_asked_for_the_exact_name_with_all_that_it_requires(tool, arguments):
    made = tool.search("echo", "srv")
    required = set(tool.tool.schema["required"])
    assert required <= set(made)
    assert arguments is None or made == arguments
    assert "echo" in str(made) or not tool.tool.schema["properties"]


def test_what_else_is_required_is_made_of_its_schema():
    more = {
        "mode": {"enum": ["exact", "near"]},
        "limit": {"type": "integer", "minimum": 5},
        "deep": {"type": "boolean"},
        "kind": {"type": ["string", "null"]},
        "of": {"default": "all"},
        "server": TEXT,
    }
    made = meta("find_tools", required=["query", *more], query=TEXT, **more).search("echo", "srv")
    expected = {"mode": "exact", "limit": 5, "deep": False, "kind": None, "of": "all", "server": "srv"}
    assert made == {"query": "echo", **expected}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        (CALLERS[0], {"name": "srv__echo", "arguments": {"text": "ü"}}),
        (CALLERS[2], {"toolName": "srv__echo", "params": '{"text": "ü"}'}),
        (
            meta("use_mcp_tool", required=["server_name"], server_name=TEXT, tool_name=TEXT, arguments=OBJECT),
            {"server_name": "srv", "tool_name": "srv__echo", "arguments": {"text": "ü"}},
        ),
        (CALLERS[4], {"tool": "srv__echo", "args": '{"text": "ü"}'}),
    ],
)
def test_a_call_is_passed_on_as_the_caller_takes_it(tool, arguments):
    assert tool.call("srv__echo", "srv", {"text": "ü"}) == arguments


def test_a_delegate_is_given_the_task_and_a_handoff_nothing():
    assert meta("task", required=["prompt"], description=TEXT, prompt=TEXT).task("do it") == {"prompt": "do it"}
    assert meta("transfer_to_files").task("do it") == {}


ECHO = {"name": "srv__echo", "description": "Say it.", "inputSchema": {"type": "object", "properties": {"text": {}}}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ECHO]),
        json.dumps({"tools": [ECHO], "total": 1}),
        json.dumps({"srv__echo": {"description": "Say it.", "inputSchema": ECHO["inputSchema"]}}),
        f"Found 1 tool:\n<function>{json.dumps(ECHO)}</function>",
        json.dumps({"name": "srv__echo", "description": "Say it.", "parameters": ECHO["inputSchema"]}),
    ],
)
def test_a_tool_that_a_search_has_shown_as_json_is_read_with_its_schema(text):
    (tool,) = shown_tools(text, "echo")
    assert (tool.name, tool.description) == ("srv__echo", "Say it.")
    assert tool.schema == ECHO["inputSchema"]
    assert not tool.raw


@pytest.mark.parametrize("text", ["- `srv__echo`: use it to echo a text", '["srv__echo", "other"]', "1. srv__echo"])
def test_a_tool_that_a_search_has_only_named_is_read_by_its_name(text):
    assert shown_tools(text, "echo")[0].name == "srv__echo"


@pytest.mark.parametrize("text", ["No tools found for 'echo'.", "0 results for echo", "[]", ""])
def test_a_search_that_found_nothing_shows_nothing(text):
    assert shown_tools(text, "echo") == ()
