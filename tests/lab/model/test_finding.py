"""A tool of a server is found among those that an agent offers, under whatever name it gave it."""

from __future__ import annotations

import pytest

from matrix.lab.model.finding import find_tool
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
        # Not there.
        (Call("echo"), [], None),
        (Call("echo"), ["echoes", "reecho", "echo_all"], None),
        (Call("lookup", server="right"), [("l", "[mcp:left/lookup]")], None),
    ],
)
def test_a_tool_is_found_under_whatever_name_the_agent_gave_it(wanted, tools, found):
    assert find_tool(wanted, offered(*tools)) == found
