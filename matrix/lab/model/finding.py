"""Finding a tool of a server among those that the agent offers its model, under whatever name it gave it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.records import OfferedTool
from matrix.lab.script import Call

Listed = Mapping[str, Mapping[str, Any]]
"""The tools that a server listed, by name: each as it stands in the result of `tools/list`."""

_MARKER = re.compile(r"\[mcp:([^/\[\]]+)/([^\[\]]+)\]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OPAQUE = re.compile(r"(?:^|_)(?:[a-z]{0,5}\d+|(?=[a-z]*\d)[a-z0-9]{6,})(?:_|$)")
_ELLIPSES = ("...", "…")
_BRACKETS = {"]": "[", ")": "("}
_LEAST_CUT = 12
"""Characters that a cut name or description has to keep, to be taken for the beginning of another."""


def find_tool(wanted: Call, offered: Sequence[OfferedTool], listed: Listed | None = None) -> str | None:
    """Return the name under which the wanted tool is offered, or None.

    First by the marker that stubs put into descriptions, then by name, whatever its case and separators. Where
    neither tells, by what the wanted tool's server `listed`: by its description, whole or cut; by its parameters,
    where the name tells nothing (a hash, a number); or by a name that was cut. What is as much, or rather, another
    listed tool is not taken.
    """
    for tool in offered:
        for server, name in markers(tool):
            if name == wanted.tool and wanted.server in {None, server}:
                return tool.name
    listed = listed or {}
    owners = _Owners(listed)
    free = [tool for tool in offered if _may_be(tool, wanted) and owners.admit(tool.name, wanted.tool)]
    return _by_name(wanted, [tool.name for tool in free]) or _by_definition(wanted, free, listed)


def not_offered(listed: Listed, offered: Sequence[OfferedTool], server: str | None = None) -> list[str]:
    """Return the names of the listed tools that are not offered under any name, sorted."""
    return sorted(name for name in listed if find_tool(Call(name, server=server), offered, listed) is None)


def markers(tool: OfferedTool) -> list[tuple[str, str]]:
    """Return server and tool of every marker in the description: stubs put one into each."""
    return _MARKER.findall(tool.description)


def _may_be(tool: OfferedTool, wanted: Call) -> bool:
    """Whether no marker says that it is another tool; one of another server with the same name may have replaced it."""
    marked = markers(tool)
    return not marked or any(name == wanted.tool for _, name in marked)


def words(name: str) -> list[str]:
    """Return the words of a name in lower case, as its separators and its camel case part them."""
    return [each for each in _plain(name).split("_") if each]


@lru_cache(4096)
def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower())


@lru_cache(4096)
def squeezed(text: str) -> str:
    """Return a text's letters and digits alone, in lower case."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())


class _Owners:
    """Whose name an offered one is: that of the listed tool with the longest name that it ends in.

    So `all_echo` is not taken for `echo` where the server has both.
    """

    def __init__(self, listed: Listed) -> None:
        self._named: dict[str, set[str]] = {}
        for name in listed:
            self._named.setdefault(_plain(name), set()).add(name)

    def admit(self, name: str, wanted: str) -> bool:
        """Whether an offered name may be the wanted tool's: that of no other, or of both."""
        parts = _plain(name).split("_")
        ends = ("_".join(parts[start:]) for start in range(len(parts)))
        owners = next((self._named[end] for end in ends if end in self._named), {wanted})
        return wanted in owners


def _by_name(wanted: Call, names: Sequence[str]) -> str | None:
    """Return the name that is the server's and the tool's, else the very name, else one that ends in it."""
    plain, bare, server = _plain(wanted.tool), squeezed(wanted.tool), squeezed(wanted.server or "")
    exact = [name for name in names if name == wanted.tool]
    ends = [name for name in names if _plain(name).endswith(f"_{plain}")]
    of_server = [name for name in ends if server and server in squeezed(name.removesuffix(wanted.tool))]
    joined = [name for name in names if server and squeezed(name).endswith(server + bare)]
    same = [name for name in names if bare and squeezed(name) == bare]
    return next((min(found, key=len) for found in (of_server, joined, exact, same, ends) if found), None)


def _by_definition(wanted: Call, offered: Sequence[OfferedTool], listed: Listed) -> str | None:
    """Return the one offered tool that has the wanted one's description, parameters, or cut name, and no other's."""
    if wanted.tool not in listed:
        return None
    for likeness in (_described, _shaped, _cut):
        found = [tool.name for tool in offered if _is_rather(wanted, tool, listed, likeness)]
        if len(found) == 1:
            return found[0]
    return None


def _is_rather(wanted: Call, tool: OfferedTool, listed: Listed, likeness: _Likeness) -> bool:
    """Whether an offered tool is like the wanted one, and less like every other one that the server listed."""
    like = likeness(tool, wanted, listed[wanted.tool])
    return like > 0 and all(
        likeness(tool, replace(wanted, tool=name), each) < like for name, each in listed.items() if name != wanted.tool
    )


_Likeness = Callable[[OfferedTool, Call, Mapping[str, Any]], int]
"""How much an offered tool is like a listed one: 0 for not at all."""


def _described(tool: OfferedTool, wanted: Call, definition: Mapping[str, Any]) -> int:  # noqa: ARG001
    """By the length of the description that both have: cut, whole with something around it, or the very same."""
    given, whole = _spaced(tool.description), _spaced(str(definition.get("description") or ""))
    if not given or not whole:
        return 0
    if given == whole:
        return len(given) + 2
    if whole in given:
        return len(whole) + 1
    kept = _without_its_mark(given.rstrip()).rstrip()
    return len(kept) if len(kept) >= _LEAST_CUT and whole.startswith(kept) else 0


def _without_its_mark(text: str) -> str:
    """Return a cut text without what says that it was cut: an ellipsis, or a remark in brackets."""
    for mark in _ELLIPSES:
        if text.endswith(mark):
            return text.removesuffix(mark)
    opening = text.rfind(_BRACKETS.get(text[-1:], "\0"))
    return text if opening < 0 else text[:opening]


def _shaped(tool: OfferedTool, wanted: Call, definition: Mapping[str, Any]) -> int:  # noqa: ARG001
    """By the parameters' names and types, where the offered name tells nothing."""
    shape = _parameters(mapping(definition.get("inputSchema")))
    return int(bool(shape) and bool(_OPAQUE.search(tool.name.lower())) and _parameters(tool.schema) == shape)


def _cut(tool: OfferedTool, wanted: Call, definition: Mapping[str, Any]) -> int:  # noqa: ARG001
    """By a name that is the beginning of the tool's, perhaps with a short hash or a number at its end."""
    stem = squeezed(re.sub(r"_[A-Za-z0-9]{1,12}$", "", tool.name))
    bare = squeezed(wanted.tool)
    ways = (bare, squeezed(wanted.server or "") + bare)
    return int(len(stem) >= _LEAST_CUT and any(way.startswith(stem) for way in ways))


def _parameters(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the type of each parameter: all that agents keep who rewrite a schema for their provider."""
    return {name: _type(mapping(each)) for name, each in mapping(schema.get("properties")).items()}


def _type(schema: Mapping[str, Any]) -> str:
    """Return a type, or `any`; whether it may be null as well says nothing, since strict mode adds that."""
    kinds = sequence(schema.get("type")) or [schema.get("type")]
    kinds = [each for each in kinds if isinstance(each, str) and each != "null"]
    return kinds[0] if len(kinds) == 1 else "any"


def _spaced(text: str) -> str:
    return " ".join(text.split())
