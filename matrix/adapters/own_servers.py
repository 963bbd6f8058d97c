"""MCP servers that a pydantic-ai agent brings itself: what becomes of them in a cell, which attaches its own.

Servers in the agent's own process (`fastmcp`) are as hermetic as its functions, and stay.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_ai import RunContext
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset, WrapperToolset

from ..own_servers import OwnServers
from ..raised import Explained, told
from .toolsets import DynamicToolset, is_mcp, transport_of

if TYPE_CHECKING:
    from typing import Self

AnyToolset = AbstractToolset[Any]
_IN_PROCESS = "FastMCPTransport"
"""The class of a transport to a server in the agent's own process."""
_AGENTS_FUNCTIONS = "<agent>"
"""The id of the toolset that holds an agent's own functions: an override of toolsets leaves it in its place."""


class Unreachable(WrapperToolset[Any]):
    """A server of the agent's own: where it fails, that is said of it by name."""

    async def __aenter__(self) -> Self:
        """Connect. Raises Explained."""
        try:
            await self.wrapped.__aenter__()
        except Exception as problem:
            raise Explained(
                f"the agent's own MCP server {_name(self.wrapped)} cannot be reached: {told(problem)}; "
                'own_servers = "drop" in its row leaves it out, "replace" puts the servers of a cell in its place'
            ) from problem
        return self


def treated(
    toolsets: Sequence[AnyToolset], policy: OwnServers, handed: Mapping[str, Any], attached: Sequence[AnyToolset]
) -> Sequence[AnyToolset] | None:
    """Return the toolsets that take the place of the agent's own and of those to be attached.

    None where the agent has no servers of its own; `handed` are the servers that a factory was given to wire.
    """
    waiting = list(attached) if policy is OwnServers.REPLACE else []
    found: list[AnyToolset] = []

    def instead(leaf: AnyToolset) -> AnyToolset:
        if isinstance(leaf, DynamicToolset):
            found.append(leaf)
            return _dynamic(leaf, lambda inner: _without(inner, policy) if _is_own(inner, handed) else inner)
        if not _is_own(leaf, handed):
            return leaf
        found.append(leaf)
        return _bare(waiting.pop(0)) if waiting else _without(leaf, policy)

    own = [each.visit_and_replace(instead) for each in toolsets if each.id != _AGENTS_FUNCTIONS]
    return [*own, *(waiting if policy is OwnServers.REPLACE else attached)] if found else None


def _without(leaf: AnyToolset, policy: OwnServers) -> AnyToolset:
    """Return what stands where a server of the agent's own was, and none of the cell's stands."""
    return Unreachable(leaf) if policy is OwnServers.KEEP else FunctionToolset[Any]([], id=f"without {_name(leaf)}")


def _is_own(leaf: AnyToolset, handed: Mapping[str, Any]) -> bool:
    """Whether a toolset leads to a server outside of this process that nobody has handed to the agent.

    Where it was handed some, what cannot be told to lead elsewhere is taken for one of these.
    """
    if not is_mcp(leaf):
        return False
    transport = transport_of(leaf)
    if type(transport).__name__ == _IN_PROCESS:
        return False
    url, command = getattr(transport, "url", None), getattr(transport, "command", None)
    if url is not None:
        return str(url).rstrip("/") not in {str(entry.get("url")).rstrip("/") for entry in handed.values()}
    if command is not None:
        started = [command, *getattr(transport, "args", ())]
        return started not in [[entry.get("command"), *entry.get("args", ())] for entry in handed.values()]
    return not handed


def _name(toolset: AnyToolset) -> str:
    """Return what people call a server: its id, and where it is."""
    transport = transport_of(toolset)
    words = [getattr(transport, "command", None) or "", *(getattr(transport, "args", None) or ())]
    place = str(getattr(transport, "url", None) or " ".join(words)).strip()
    names = [repr(toolset.id)] if toolset.id else []
    return " ".join([*names, f"({place})"] if place else names) or type(toolset).__name__


def _bare(toolset: AnyToolset) -> AnyToolset:
    """Return a toolset without the prefix that we gave it: what the agent puts around its own server is around it."""
    return toolset.wrapped if isinstance(toolset, WrapperToolset) else toolset


def _dynamic(leaf: DynamicToolset[Any], instead: Callable[[AnyToolset], AnyToolset]) -> AnyToolset:
    """Return a toolset that does the same with what an owner's function makes, once for each thing that it makes."""
    last: list[tuple[AnyToolset, AnyToolset]] = []

    async def evaluated(context: RunContext[Any]) -> AnyToolset | None:
        made: Any = leaf.toolset_func(context)
        made = await made if inspect.isawaitable(made) else made
        if made is None:
            return None
        if not last or last[0][0] is not made:
            last[:] = [(made, made.visit_and_replace(instead))]
        return last[0][1]

    return DynamicToolset[Any](evaluated, per_run_step=leaf.per_run_step, id=leaf.id)
