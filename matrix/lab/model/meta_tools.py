"""Tools of an agent's own that stand before those of its servers: a search for tools, a generic caller, a delegate.

Such a tool is known by the words of its name, by its description and by its parameters; what it is called with is
made of its schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.finding import words
from matrix.lab.records import OfferedTool

# fmt: off
_LOOKING = (
    "search", "find", "discover", "lookup", "query", "retrieve", "list", "get", "browse", "select", "load", "activate",
    "enable", "describe", "inspect",
)
_CALLING = frozenset({"use", "call", "execute", "exec", "invoke", "run", "dispatch", "mcp"})
_TOOLS = frozenset({"tool", "tools", "toolset", "mcp", "function", "functions", "capability", "capabilities"})
_DELEGATING = frozenset({
    "agent", "subagent", "delegate", "handoff", "transfer", "specialist", "expert", "worker", "assistant", "task",
    "consult", "ask",
})
_QUERY = ("query", "q", "search", "keyword", "keywords", "pattern", "name", "names", "toolname", "tool", "text")
_NAME = ("name", "tool", "toolname", "toolid", "id", "function", "functionname", "fullname", "qualifiedname")
_ACTION = ("action", "operation", "method", "command", "op")
_ARGUMENTS = (
    "arguments", "args", "input", "inputs", "params", "parameters", "toolinput", "toolargs", "toolarguments",
    "argumentsjson", "argsjson", "inputjson", "payload", "data", "kwargs",
)
_TASK = ("task", "prompt", "request", "message", "query", "question", "input", "instructions", "text", "content")
# fmt: on
_SPEAKS_OF_TOOLS = re.compile(r"\b(?:tools|functions|capabilities)\b", re.IGNORECASE)
_SPEAKS_OF_AGENTS = re.compile(
    r"\b(?:agents?|sub-?agents?|delegates?|specialists?|hand(?:s|ing)? ?(?:off|over))\b", re.IGNORECASE
)
_NOTHING = re.compile(r"\b(?:no|not|none|0)\b.{0,40}\b(?:tools?|match(?:es|ed|ing)?|results?|found)\b", re.IGNORECASE)


@dataclass(frozen=True)
class MetaTool:
    """A tool that stands before others."""

    tool: OfferedTool

    @property
    def name(self) -> str:
        """The name under which it is offered."""
        return self.tool.name

    @property
    def looks(self) -> int | None:
        """Its place among tools that look for others (a search, then a list, then what loads them), if it is one."""
        spoken = set(words(self.name))
        place = next((number for number, verb in enumerate(_LOOKING) if verb in spoken), None)
        if place is None and spoken <= _TOOLS and self._property(("search", "query")) is not None:
            place = 0
        return place if self._is_of_tools(spoken) else None

    @property
    def calls(self) -> bool:
        """Whether it calls another tool by name, with arguments."""
        named = self._property(_NAME) is not None and self._passes_on
        spoken = set(words(self.name))
        return named and bool(_CALLING & spoken) and self._is_of_tools(spoken)

    @property
    def actions(self) -> Sequence[str]:
        """The names of tools that it calls, where it lists them as the values of a parameter beside the arguments."""
        named = self._properties.get(self._property((*_ACTION, *_NAME)) or "", {})
        return [each for each in sequence(named.get("enum")) if isinstance(each, str)] if self._passes_on else []

    @property
    def _passes_on(self) -> bool:
        return self._property(_ARGUMENTS) is not None

    @property
    def delegates(self) -> bool:
        """Whether it hands a task to another agent: in a text or, as a handoff does, with no argument at all."""
        spoken = _DELEGATING & set(words(self.name))
        told = _SPEAKS_OF_AGENTS.search(self.tool.description)
        return bool(spoken or told) and (not self._properties or self._text(_TASK) is not None)

    def search(self, tool: str, server: str | None) -> dict[str, Any]:
        """Return the arguments of a search for a tool by its exact name."""
        return self._filled({self._text(_QUERY): tool}, server)

    def call(self, tool: str, server: str | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call that is passed on to a tool."""
        place = self._property(_ARGUMENTS)
        as_text = _kinds(self._properties.get(place or "", {})) == ["string"]
        passed = json.dumps(dict(arguments), ensure_ascii=False) if as_text else dict(arguments)
        names = (*_ACTION, *_NAME) if tool in self.actions else _NAME
        return self._filled({self._property(names): tool, place: passed}, server)

    def task(self, text: str) -> dict[str, Any]:
        """Return the arguments that hand a task over."""
        return self._filled({self._text(_TASK): text}, None)

    @property
    def _properties(self) -> dict[str, Mapping[str, Any]]:
        return {name: mapping(each) for name, each in mapping(self.tool.schema.get("properties")).items()}

    def _is_of_tools(self, spoken: set[str]) -> bool:
        return bool(_TOOLS & spoken) or _SPEAKS_OF_TOOLS.search(self.tool.description) is not None

    def _property(self, names: Sequence[str]) -> str | None:
        """Return the property with the first of these names that there is."""
        plain = {"".join(words(name)): name for name in reversed(self._properties)}
        return next((plain[name] for name in names if name in plain), None)

    def _text(self, names: Sequence[str]) -> str | None:
        """Return the property that takes a text: by its name, else the first required one, else the first."""
        texts = [name for name, each in self._properties.items() if {"string", "array", "any"} & set(_kinds(each))]
        named = self._property(names)
        required = [name for name in texts if name in sequence(self.tool.schema.get("required"))]
        return next(iter([*([named] if named in texts else []), *required, *texts]), None)

    def _filled(self, values: Mapping[str | None, Any], server: str | None) -> dict[str, Any]:
        """Return these values, with what else is required."""
        filled: dict[str, Any] = {}
        for name, schema in self._properties.items():
            if name in values:
                value = values[name]
                filled[name] = [value] if isinstance(value, str) and _kinds(schema) == ["array"] else value
            elif name in sequence(self.tool.schema.get("required")):
                of_server = server is not None and "server" in words(name)
                filled[name] = server if of_server else _instance(schema)
        return filled


def shown_tools(text: str, wanted: str) -> tuple[OfferedTool, ...]:
    """Return the tools that a search has shown: of JSON the objects that have a name, of other text its names.

    Where the text only says that there is none of that name, there is none.
    """
    found = [tool for document in _documents(text) for tool in _named(document)]
    if found or _NOTHING.search(text):
        return tuple(found)
    names = dict.fromkeys(re.findall(r"[A-Za-z0-9][\w.:/-]*\w", text))
    compound = [name for name in names if len(words(name)) > len(words(wanted))]
    return tuple(OfferedTool(name, "", {}, {}) for name in [*compound, *names])


def _documents(text: str) -> Iterator[Any]:
    """Yield the JSON of a text: the whole, or every object and array that begins in it."""
    decoder, at = json.JSONDecoder(), 0
    while (begin := re.compile(r"[\[{]").search(text, at)) is not None:
        try:
            document, at = decoder.raw_decode(text, begin.start())
            yield document
        except ValueError:
            at = begin.end()


def _named(document: Any) -> Iterator[OfferedTool]:
    """Yield every object with a name, as a tool, and every name in a plain list."""
    for each in sequence(document):
        if isinstance(each, str):
            yield OfferedTool(each, "", {}, {})
        yield from _named(each)
    content = mapping(document)
    names = [content.get(key) for key in ("name", "tool_name", "toolName", "tool", "id")]
    name = next((each for each in names if isinstance(each, str)), None)
    if name is not None:
        schemas = [mapping(content.get(key)) for key in ("inputSchema", "input_schema", "parameters", "schema")]
        schema = next((each for each in schemas if each), schemas[0])
        yield OfferedTool(name, str(content.get("description") or ""), schema, {})
        return
    for key, each in content.items():
        if isinstance(each, Mapping) and mapping(each).keys() & {"description", "inputSchema", "input_schema"}:
            yield from _named({"name": key, **mapping(each)})
        else:
            yield from _named(each)


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that a property may have, without null; `any` where it does not say."""
    of_unions = [kind for each in sequence(schema.get("anyOf")) for kind in _kinds(mapping(each))]
    kinds = sequence(schema.get("type")) or ([schema["type"]] if isinstance(schema.get("type"), str) else of_unions)
    return [str(each) for each in kinds if each != "null"] or ["any"]


def _instance(schema: Mapping[str, Any]) -> Any:
    """Return a plain value that the schema of a required parameter takes."""
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    if sequence(schema.get("enum")):
        return schema["enum"][0]
    nullable = "null" in sequence(schema.get("type")) or {"type": "null"} in sequence(schema.get("anyOf"))
    values: dict[str, Any] = {"boolean": False, "array": [], "object": {}, "integer": 1, "number": 1}
    value = values.get(_kinds(schema)[0], "")
    return None if nullable else max(value, schema.get("minimum", value)) if value == 1 else value
