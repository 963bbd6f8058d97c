"""Finding a tool of a server among those that the agent offers its model, under whatever name it gave it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matrix.lab.records import OfferedTool
from matrix.lab.script import Call

_MARKER = re.compile(r"\[mcp:([^/\[\]]+)/([^\[\]]+)\]")


def find_tool(wanted: Call, offered: Sequence[OfferedTool]) -> str | None:
    """Return the name under which the wanted tool is offered, or None.

    First by the marker that stubs put into descriptions. Then by name, every character outside [A-Za-z0-9] taken
    for the same separator: the server's name and the tool's (`srv__tool`, `mcp_srv_tool`) where the server is
    named, else the very name, else a name that ends in it.
    """
    for tool in offered:
        for server, name in markers(tool):
            if name == wanted.tool and wanted.server in {None, server}:
                return tool.name
    plain = _plain(wanted.tool)
    ends = [tool.name for tool in offered if _plain(tool.name).endswith(f"_{plain}")]
    of_server = [name for name in ends if wanted.server is not None and _plain(wanted.server) in _plain(name)]
    exact = [tool.name for tool in offered if tool.name == wanted.tool]
    same = [tool.name for tool in offered if _plain(tool.name) == plain]
    return next((min(names, key=len) for names in (of_server, exact, same, ends) if names), None)


def markers(tool: OfferedTool) -> list[tuple[str, str]]:
    """Return server and tool of every marker in the description: stubs put one into each."""
    return _MARKER.findall(tool.description)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name)
