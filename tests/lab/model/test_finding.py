"""A tool of a server is found among those that an agent offers, under whatever name it gave it."""

from __future__ import annotations

import pytest

from matrix.lab.model.finding import find_tool, not_offered
from matrix.lab.model.protocols.base import OfferedTool
from matrix.lab.script import Call


def offered(*tools):
    """Return tools as an agent offers them, each a name, or a name with a description."""
    pairs = [(each, "") if isinstance(each, str) else each for each in tools]
    return tuple(OfferedTool(name, description, {"type": "object"}, {}) for name, description in pairs)


@pytest.mark.parametrize(
    ("wanted", "tools", "found"),
    [
        # By the marker, whatever the name.
        (Call("echo"), [("t1", "Add."), ("t2", "Say it. [mcp:srv/echo]")], "t2"),
        (Call("echo"), [("echo", "Another's."), ("x_echo", "[mcp:srv/echo]")], "x_echo"),
        (Call("a.b"), [("a-b", "[mcp:srv/a.b]")], "a-b"),
        (Call("lookup", server="right"), [("l", "[mcp:left/lookup]"), ("r", "[mcp:right/lookup]")], "r"),
        (Call("echo"), [("echo_all", "[mcp:srv/echo_all]"), ("e", "[mcp:srv/echo]")], "e"),
        # By the name, however mangled.
        (Call("echo"), ["own", "echo"], "echo"),
        (Call("echo"), ["srv__echo"], "srv__echo"),
        (Call("echo"), ["mcp_srv_echo"], "mcp_srv_echo"),
        (Call("echo"), ["mcp__srv__echo", "mcp__srv__echo_all"], "mcp__srv__echo"),
        (Call("get.user-name"), ["get_user_name"], "get_user_name"),
        (Call("get.user-name"), ["srv-get_user_name"], "srv-get_user_name"),
        (Call("echo"), ["srv_echo", "echo"], "echo"),
        (Call("lookup", server="right"), ["left__lookup", "right__lookup"], "right__lookup"),
        (Call("lookup", server="left"), ["leftover_lookup", "left_lookup"], "left_lookup"),
        (Call("lookup", server="my.srv"), ["lookup", "my_srv_lookup"], "my_srv_lookup"),
        # Whatever its case, and with or without separators.
        (Call("getUserName"), ["get_user_name"], "get_user_name"),
        (Call("get_user_name"), ["srvGetUserName"], "srvGetUserName"),
        (Call("get_user_name"), ["GETUSERNAME"], "GETUSERNAME"),
        (Call("echo", server="my-srv"), ["mysrvecho"], "mysrvecho"),
        # Not there.
        (Call("echo"), [], None),
        (Call("echo"), ["echoes", "reecho", "echo_all"], None),
        (Call("lookup", server="right"), [("l", "[mcp:left/lookup]")], None),
    ],
)
def test_a_tool_is_found_under_whatever_name_the_agent_gave_it(wanted, tools, found):
    assert find_tool(wanted, offered(*tools)) == found


TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
PATH = {"type": "object", "properties": {"path": {"type": "string"}, "depth": {"type": "integer"}}}
STRICT = {
    "type": "object",
    "properties": {"depth": {"type": ["integer", "null"]}, "path": {"type": "string"}},
    "required": ["depth", "path"],
}


def listed(**tools):
    """Return tools as a server lists them, each a description, or a pair of description and schema."""
    pairs = {name: (each, TEXT) if isinstance(each, str) else each for name, each in tools.items()}
    return {
        name: {"name": name, "description": description, "inputSchema": schema}
        for name, (description, schema) in pairs.items()
    }


SAME = listed(
    read=("Read the whole of a file.", PATH),
    write="Write the text to where it belongs.",
    words="Return the words of the text, sorted.",
    sizes="Return the words of the text, counted.",
    all="Return",
)


@pytest.mark.parametrize(
    ("wanted", "description", "schema", "found"),
    [
        ("read", "Read the whole of a file.", {}, True),
        ("read", "[files] Read  the whole\nof a file.", {}, True),
        ("read", "Read the whole of…", {}, True),
        ("read", "Read the whole of [truncated]", {}, True),
        ("words", "Return the words of the text, s...", {}, True),
        ("read", "", PATH, True),
        ("read", "Some tool.", STRICT, True),
        # The same beginning, or the same parameters, as another tool has: nobody can tell.
        ("words", "Return the words of the text…", {}, False),
        ("write", "", TEXT, False),
        ("all", "Return the words of the text, sorted.", {}, False),
        ("read", "Read…", {}, False),
        ("read", "Something else.", {"properties": {"path": {"type": "string"}}}, False),
    ],
)
def test_a_tool_whose_name_is_a_hash_is_found_by_what_its_server_listed(wanted, description, schema, found):
    tools = (OfferedTool("t_9f3ab01c77", description, schema, {}), OfferedTool("own", "The agent's own.", TEXT, {}))
    assert find_tool(Call(wanted), tools, SAME) == ("t_9f3ab01c77" if found else None)


def test_what_tells_nothing_but_its_parameters_is_found_only_where_its_name_tells_nothing_either():
    assert find_tool(Call("read"), (OfferedTool("open_door", "", PATH, {}),), SAME) is None
    assert find_tool(Call("read"), (OfferedTool("tool_7", "", PATH, {}),), SAME) == "tool_7"


def test_two_that_are_alike_are_not_told_apart():
    twins = tuple(OfferedTool(name, "Read the whole of a file.", PATH, {}) for name in ("t_00aa11", "t_22bb33"))
    assert find_tool(Call("read"), twins, SAME) is None


def test_a_name_that_belongs_to_another_listed_tool_is_not_taken():
    server = listed(echo="Say it.", all_echo="Say it all.")
    assert find_tool(Call("echo"), offered("srv_all_echo"), server) is None
    assert find_tool(Call("all_echo"), offered("srv_all_echo"), server) == "srv_all_echo"
    assert not_offered(server, offered("srv_all_echo")) == ["echo"]
    assert not_offered(server, offered("srv_all_echo", "srv_echo")) == []


def test_a_long_name_that_was_cut_is_found():
    long = "the_long_name_of_a_tool_" + "x" * 60
    server = listed(**{long: "One.", "the_long_name_of_another": "Two."})
    assert (
        find_tool(Call(long, server="srv"), offered(f"srv__{long}"[:50] + "_1f"), server) == f"srv__{long}"[:50] + "_1f"
    )
    assert find_tool(Call(long), offered("the_long_name"), server) is None
