"""The tools of an OpenAI responses request: on top, in namespaces, and loaded during the conversation.

A namespace groups functions (`{"type": "namespace", "name": "mcp__files", "tools": […]}`), and a call to
one of them names both (`ResponseFunctionToolCall.namespace` in the `openai` SDK). Items of the types
`additional_tools` and `tool_search_output` bring in more tools along the way. Custom and built-in tools
have no schema and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matrix.json_access import mapping
from matrix.lab.model.protocols.base import OfferedTool
from matrix.lab.model.protocols.reading import mappings, required_string, string
from matrix.lab.model.protocols.schemas import EMPTY_OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_BRING_TOOLS = ("additional_tools", "tool_search_output")


@dataclass(frozen=True)
class Declared:
    """A function as it was declared, and the name that it is offered under.

    That is its own name, unless another namespace has one of the same name: then it is `namespace.name`.
    """

    offered_name: str
    name: str
    namespace: str | None
    tool: Mapping[str, Any]


def offered_tools(body: Mapping[str, Any]) -> tuple[OfferedTool, ...]:
    """Return the functions of a request; `raw` has the `namespace` of those that are in one."""
    return tuple(
        OfferedTool(
            each.offered_name,
            string(each.tool.get("description")),
            mapping(each.tool.get("parameters")) or EMPTY_OBJECT,
            {**each.tool, "namespace": each.namespace} if each.namespace else dict(each.tool),
        )
        for each in declared(body)
    )


def declared(body: Mapping[str, Any]) -> list[Declared]:
    """Return the functions of a request in order. Raises ValueError where one has no name."""
    found = list(_functions(mappings(body.get("tools"))))
    seen = {(namespace, tool.get("name")) for namespace, tool in found}
    # A tool that was declared with `defer_loading` and then found by a search is in the request twice.
    for item in mappings(body.get("input")):
        if item.get("type") in _BRING_TOOLS:
            loaded = list(_functions(mappings(item.get("tools"))))
            found += [each for each in loaded if (each[0], each[1].get("name")) not in seen]
            seen |= {(namespace, tool.get("name")) for namespace, tool in loaded}
    return [_declared(namespace, tool, seen) for namespace, tool in found]


def _functions(tools: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    for tool in tools:
        if tool.get("type") == "function":
            yield None, tool
        elif tool.get("type") == "namespace":
            inner = [each for each in mappings(tool.get("tools")) if each.get("type") == "function"]
            yield from ((required_string(tool, "name"), each) for each in inner)


def _declared(namespace: str | None, tool: Mapping[str, Any], everything: Iterable[tuple[str | None, Any]]) -> Declared:
    name = required_string(tool, "name")
    shared = any(other == name and place != namespace for place, other in everything)
    return Declared(f"{namespace}.{name}" if namespace and shared else name, name, namespace, tool)
