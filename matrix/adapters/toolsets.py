"""The toolsets by which pydantic-ai reaches MCP servers: `MCPToolset`, or what older releases had in its place.

Also the harness makes them, of whatever release of the library is in the agent's own environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydantic_ai.mcp
from pydantic_ai.toolsets import AbstractToolset

try:
    from pydantic_ai.toolsets import DynamicToolset
except ImportError:  # in 1.x it is there, and not named
    from pydantic_ai.toolsets._dynamic import DynamicToolset

__all__ = ["DynamicToolset", "Toolsets", "attached", "is_mcp", "transport_of"]

Toolsets = Sequence[AbstractToolset[Any]]
LIMIT_SECONDS = 30.0
"""How long a toolset that nobody but us has attached waits for a connection, and for an answer."""
_LIBRARY: Any = pydantic_ai.mcp
_CURRENT: Any = getattr(_LIBRARY, "MCPToolset", None)
_OLDER: Any = getattr(_LIBRARY, "MCPServer", None)
_KINDS: tuple[type, ...] = tuple(each for each in (_CURRENT, _OLDER) if isinstance(each, type))


def attached(servers: Mapping[str, Any]) -> Toolsets:
    """Return the library's own toolsets for these servers, each with its server's name as prefix.

    Their limits are ours, since no owner has chosen any: the library's, 5 s to connect and 300 s to answer, would have
    a server on a busy machine missing, and a silent one waited for beyond the end of a cell. A server's process ends
    with the run that has started it: nobody would end one that is kept, since an agent is nothing to be closed.
    """
    make = _older if _CURRENT is None else _current
    return [make(name, entry).prefixed(name) for name, entry in servers.items()]


def is_mcp(toolset: AbstractToolset[Any]) -> bool:
    """Whether a toolset leads to an MCP server."""
    return isinstance(toolset, _KINDS)


def transport_of(toolset: Any) -> Any:
    """Return what says how a toolset reaches its server, by `url` or `command` and `args`."""
    return getattr(getattr(toolset, "client", None), "transport", toolset)


def _current(name: str, entry: Mapping[str, Any]) -> Any:
    from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport  # noqa: PLC0415

    transport: Any
    if "command" in entry:
        args = list(entry.get("args") or [])
        transport = StdioTransport(entry["command"], args, env=entry.get("env"), cwd=entry.get("cwd"), keep_alive=False)
    else:
        remote: Any = SSETransport if entry.get("type") == "sse" else StreamableHttpTransport
        transport = remote(entry["url"], headers=entry.get("headers"))
    return _CURRENT(transport, id=name, init_timeout=LIMIT_SECONDS, read_timeout=LIMIT_SECONDS)


def _older(name: str, entry: Mapping[str, Any]) -> Any:
    limits = {"timeout": LIMIT_SECONDS, "read_timeout": LIMIT_SECONDS, "id": name}
    if "command" in entry:
        args = list(entry.get("args") or [])
        return _LIBRARY.MCPServerStdio(entry["command"], args, env=entry.get("env"), cwd=entry.get("cwd"), **limits)
    remote: Any = _LIBRARY.MCPServerSSE if entry.get("type") == "sse" else _LIBRARY.MCPServerStreamableHTTP
    return remote(entry["url"], headers=entry.get("headers"), **limits)
