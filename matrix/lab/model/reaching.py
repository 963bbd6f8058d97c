"""Reaching a tool of the script: directly, or behind what the agent has put before the tools of its servers.

An agent may show its model a search for tools in place of the tools, a generic caller (`use_tool(name, arguments)`),
or a delegate that has them. The scripted model does then what any model would: it searches for the tool by its exact
name and calls what came back, or hands the task to the delegate, whose own requests are played on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matrix.json_access import mapping, sequence
from matrix.lab.model.finding import Listed, find_tool, markers, squeezed
from matrix.lab.model.meta_tools import MetaTool, shown_tools
from matrix.lab.model.protocols.base import ModelRequest
from matrix.lab.model.protocols.reading import either, mappings
from matrix.lab.records import Hidden, OfferedTool, ReplyCall
from matrix.lab.script import Aside, Call
from matrix.lab.trace import Trace

_HOSTED = frozenset({"mcp", "mcp_toolset"})
_TELLING = 40
"""Letters and digits of a description by which it is known again in a prompt."""


@dataclass(frozen=True)
class Way:
    """How a call of the script is made: under which offered name, with which arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Detour:
    """A call that is none of the script's, and may lead to one that is; `note` says to which."""

    aside: Aside
    way: Way
    note: str


@dataclass(frozen=True)
class OutOfReach:
    """A tool that cannot be called, what was `tried` in vain, and how the agent has its model use tools otherwise.

    `elsewhere`: the request is that of a delegate, which has not got it; whoever delegated may go on.
    """

    tried: tuple[str, ...]
    hidden: Hidden | None
    elsewhere: bool


@dataclass
class Reach:
    """What a conversation has tried so far, to reach the tools of its script."""

    trace: Trace
    prompt: str
    shown: dict[str, OfferedTool] = field(default_factory=dict[str, OfferedTool])
    """The tools that searches have shown, by name."""
    _tried: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _searches: dict[str, str] = field(default_factory=dict[str, str])
    """The searches that were made: call id → name."""
    _delegated: list[str] = field(default_factory=list[str])
    """The call ids of delegates that have not answered."""

    def begin(self, call_id: str, detour: Detour) -> None:
        """Take note that a detour's call is made under this id."""
        if detour.aside is Aside.SEARCH:
            self._searches[call_id] = detour.way.name
        else:
            self._delegated.append(call_id)

    def find(self, wanted: Call, request: ModelRequest) -> Way | Detour | OutOfReach:
        """Say how a call is to be made now, or what may lead to it, or why it cannot be made."""
        if wanted.literal:
            return Way(wanted.tool, wanted.arguments)
        listed = self.trace.listed(wanted.server)
        metas = [each for each in self._metas(request) if each.name not in listed]
        by_action = self._by_action(wanted, metas)
        if by_action is not None:
            return by_action
        direct = find_tool(wanted, request.offered, listed)
        if direct is not None:
            return Way(direct, wanted.arguments)
        self._read(request, wanted)
        tried = self._tried.setdefault(wanted.label, [])
        return (
            self._through_a_caller(wanted, metas, listed, tried)
            or self._by_a_search(wanted, metas, listed, tried)
            or self._by_a_delegate(wanted, metas, tried)
            or self._out_of_reach(wanted, request, tried)
        )

    def _metas(self, request: ModelRequest) -> list[MetaTool]:
        return [MetaTool(tool) for tool in request.offered if not markers(tool)]

    def _read(self, request: ModelRequest, wanted: Call) -> None:
        """Read what the searches before this request have shown, and which delegates have answered."""
        names = {each.call_id: each.name for each in request.asked}
        for result in request.results:
            if result.call_id in self._delegated:
                self._delegated.remove(result.call_id)
            if result.call_id in self._searches or names.get(result.call_id) in self._searches.values():
                for tool in shown_tools(result.text, wanted.tool):
                    if tool.schema or find_tool(wanted, (tool,)) is not None:
                        self.shown.setdefault(tool.name, tool)

    def _through_a_caller(
        self, wanted: Call, metas: Sequence[MetaTool], listed: Listed, tried: Sequence[str]
    ) -> Way | None:
        caller = next((each for each in metas if each.calls), None)
        if caller is None:
            return None
        name = find_tool(wanted, tuple(self.shown.values()), listed)
        if name is None and (tried or any(each.looks is not None for each in metas)):
            return None  # what a search does not show is not called
        return Way(caller.name, caller.call(name or wanted.tool, self._server(wanted), wanted.arguments))

    def _by_action(self, wanted: Call, metas: Sequence[MetaTool]) -> Way | None:
        """Call by way of a tool that names this one among its actions; of several, that of the right server."""
        callers = [each for each in metas if wanted.tool in each.actions]
        server = squeezed(wanted.server or "")
        of_server = [each for each in callers if server and server in squeezed(each.name)]
        caller = next(iter([*of_server, *callers]), None)
        if caller is None:
            return None
        return Way(caller.name, caller.call(wanted.tool, wanted.server, wanted.arguments))

    def _by_a_search(self, wanted: Call, metas: Sequence[MetaTool], listed: Listed, tried: list[str]) -> Detour | None:
        name_shown = find_tool(wanted, tuple(self.shown.values()), listed)
        searches = [(each.looks, each.name, each) for each in metas if each.looks is not None]
        for _, name, search in sorted(searches, key=lambda one: one[:2]):
            if name not in tried:
                tried.append(name)
                way = Way(name, search.search(name_shown or wanted.tool, self._server(wanted)))
                return Detour(Aside.SEARCH, way, f"{wanted.label} was not offered; {name} is asked for it")
        return None

    def _by_a_delegate(self, wanted: Call, metas: Sequence[MetaTool], tried: list[str]) -> Detour | None:
        for delegate in metas:
            if delegate.delegates and delegate.looks is None and not delegate.calls and delegate.name not in tried:
                tried.append(delegate.name)
                way = Way(delegate.name, delegate.task(self.prompt))
                note = f"{wanted.label} was not offered; the task is handed to {delegate.name}"
                return Detour(Aside.DELEGATE, way, note)
        return None

    def _out_of_reach(self, wanted: Call, request: ModelRequest, tried: Sequence[str]) -> OutOfReach:
        asked = {each.call_id for each in request.asked}
        elsewhere = bool(self._delegated) and asked.isdisjoint(self._delegated)
        return OutOfReach(tuple(tried), self.hidden(wanted, request), elsewhere)

    def hidden(self, wanted: Call, request: ModelRequest) -> Hidden | None:
        """Say how the agent has its model use this tool without offering it: by what it tells of tools otherwise.

        Tools that the provider calls are those of type `mcp` (OpenAI responses), `mcp_toolset` with `mcp_servers`
        (Anthropic's MCP connector), and `mcpServers` in a tool (Gemini).
        """
        if request.raw.get("functions"):
            return Hidden.FUNCTIONS
        tools = mappings(request.raw.get("tools"))
        if request.raw.get("mcp_servers") or any(
            each.get("type") in _HOSTED or either(each, "mcpServers") for each in tools
        ):
            return Hidden.HOSTED
        told = squeezed(f"{request.system} {request.user_text}")
        described = squeezed(str(self.trace.listed(wanted.server).get(wanted.tool, {}).get("description") or ""))
        return Hidden.IN_THE_PROMPT if described and described[:_TELLING] in told else None

    def told_in_texts(self, request: ModelRequest, made: Sequence[ReplyCall]) -> bool:
        """Whether the conversation keeps no call of the model, and the user's texts tell what one returned."""
        known = {*(each.call_id for each in request.asked), *(each.call_id for each in request.results)}
        if not made or any(each.call_id in known for each in made):
            return False
        told = squeezed(request.user_text.replace(self.prompt, ""))
        blocks = [block for each in self.trace.calls() for block in sequence(mapping(each.result).get("content"))]
        texts = [squeezed(str(mapping(each).get("text") or "")) for each in blocks]
        return any(each and each in told for each in texts)

    def _server(self, wanted: Call) -> str | None:
        """Return the name of the server that has the tool."""
        if wanted.server is not None:
            return wanted.server
        servers = sorted({frame.server for frame in self.trace.frames})
        return next((each for each in servers if wanted.tool in self.trace.listed(each)), next(iter(servers), None))
