"""The files of MCP clients: which one it is, and the servers in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import Any, Literal, cast

from matrix.configs.dialects.entry import Entry, Rewrite, Source, as_is, named
from matrix.configs.dialects.transports import read_transport
from matrix.configs.model import ServerConfig
from matrix.json_access import mapping, sequence

_STARTS_OR_REACHES = ("command", "url", "httpUrl", "serverUrl")


@dataclass(frozen=True)
class Client:
    """What a client means by its words.

    `timeout` is how many milliseconds one of its `timeout` is, `untyped` the transport of a `url` without a type;
    None where clients that write the same file differ.
    """

    dialect: str
    timeout: int | None = None
    untyped: Literal["http", "sse"] | None = None
    rewrite: Rewrite = as_is


def _dollar(text: str) -> str:
    """`$NAME` of Gemini."""
    return re.sub(r"\$([A-Za-z_]\w*)", r"${\1}", text)


def _braces(text: str) -> str:
    """`{env:NAME}` of opencode."""
    return re.sub(r"(?<!\$)\{((?:env|file):[^{}]+)\}", r"${\1}", text)


def _double_braces(text: str) -> str:
    """`${{ secrets.NAME }}` of Continue."""
    return re.sub(r"\$\{\{\s*([^{}\s]+)\s*\}\}", r"${\1}", text)


PLAIN = Client("mcpServers")
CLAUDE = Client("mcpServers", timeout=1, untyped="http")
GEMINI = Client("gemini", timeout=1, untyped="sse", rewrite=_dollar)
CLINE = Client("cline", timeout=1000, untyped="sse")
COPILOT = Client("copilot", timeout=1, untyped="http")
PLATFORM = Client("platform", timeout=1, untyped="http")
CONTINUE = Client("continue", rewrite=_double_braces)
VSCODE = Client("vscode", untyped="http")
ZED = Client("zed", untyped="http")
OPENCODE = Client("opencode", timeout=1, untyped="http", rewrite=_braces)
CODEX = Client("codex", untyped="http")


def recognise(document: Any, file: PurePath) -> Iterator[Source]:
    """Yield the sources that a client's file holds."""
    if not isinstance(document, Mapping):
        return
    root = mapping(cast("object", document))
    servers, nested = root.get("mcpServers"), mapping(root.get("mcp"))
    if isinstance(servers, Mapping):
        yield from _mcp_servers(root, file)
    elif isinstance(servers, list):
        yield _source(CONTINUE, named(cast("object", servers)))
    if isinstance(root.get("servers"), Mapping):
        yield _vscode(root)
    if _is_vscode(nested):
        yield _vscode(nested)
    elif any(_is_server(each) or "enabled" in mapping(each) for each in nested.values()):
        yield _source(OPENCODE, list(nested.items()))
    for key, client in (("context_servers", ZED), ("mcp_servers", CODEX)):
        if isinstance(root.get(key), Mapping):
            yield _source(client, list(mapping(root.get(key)).items()))
    if root and all(_is_server(each) for each in root.values()):
        note = "the servers stand in the file without a key around them, and were read as mcpServers"
        yield replace(_source(_client(root, file), list(root.items())), notes=(note,))


def _is_server(value: object) -> bool:
    return any(isinstance(mapping(value).get(key), str | list) for key in _STARTS_OR_REACHES)


def _mcp_servers(root: Mapping[str, Any], file: PurePath) -> Iterator[Source]:
    servers = mapping(root.get("mcpServers"))
    client = _client(servers, file)
    source = _source(client, list(servers.items()))
    notes: list[str] = []
    if client == GEMINI:
        source, notes = _admitted(source, mapping(root.get("mcp")))
    elsewhere = [path for path, each in mapping(root.get("projects")).items() if mapping(each).get("mcpServers")]
    if elsewhere:
        notes.append(f"the servers of {len(elsewhere)} projects (under `projects`) were not read; read them one by one")
    yield replace(source, notes=tuple(notes))


def _client(servers: Mapping[str, Any], file: PurePath) -> Client:
    """Tell whose file it is by what only that client writes, or by what only that client's file is called."""
    keys = {key for each in servers.values() for key in mapping(each)}
    tools = [mapping(each)["tools"] for each in servers.values() if "tools" in mapping(each)]
    kinds = {mapping(each).get("type") for each in servers.values() if isinstance(mapping(each).get("type"), str)}
    if "agents" in keys or any(isinstance(each, Mapping) for each in tools):
        return PLATFORM
    if keys & {"httpUrl", "includeTools", "excludeTools"} or file.parent.name == ".gemini":
        return GEMINI
    if keys & {"transportType", "alwaysAllow"} or "streamableHttp" in kinds or file.name == "cline_mcp_settings.json":
        return CLINE
    if tools:
        return COPILOT
    return CLAUDE if file.name in {".mcp.json", ".claude.json"} else PLAIN


def _admitted(source: Source, rules: Mapping[str, Any]) -> tuple[Source, list[str]]:
    """Apply Gemini's lists of servers that it may start: one that it would not start is disabled here."""
    allowed, excluded = rules.get("allowed"), sequence(rules.get("excluded"))
    shut = [n for n, _ in source.entries if n in excluded or (isinstance(allowed, list) and n not in allowed)]
    entries = [(n, {**mapping(each), "enabled": False} if n in shut else each) for n, each in source.entries]
    return replace(source, entries=entries), [
        f"{n!r}: disabled by the file's mcp.allowed or mcp.excluded" for n in shut
    ]


def _is_vscode(nested: Mapping[str, Any]) -> bool:
    """Tell VS Code's `mcp.servers` from a server of opencode's that is called so."""
    servers = mapping(nested.get("servers"))
    return "servers" in nested and not any(isinstance(servers.get(key), str | list) for key in ("type", "command"))


def _vscode(root: Mapping[str, Any]) -> Source:
    source = _source(VSCODE, list(mapping(root.get("servers")).items()))
    return replace(source, inputs=sequence(root.get("inputs")))


def _source(client: Client, entries: Sequence[tuple[str, Any]]) -> Source:
    return Source(client.dialect, entries, partial(_translate, client), client.rewrite)


def _translate(client: Client, entry: Entry) -> ServerConfig:
    fields = read_transport(entry, client.untyped)
    enabled = entry.switch("enabled")
    disabled = entry.switch("disabled")
    if enabled is not None and enabled == disabled:
        raise entry.problem("enabled and disabled", "say different things; keep one")
    fields |= {
        "name": entry.name,
        "enabled": not disabled if enabled is None else enabled,
        "tools": _tools(entry),
        "description": entry.text("description"),
        "timeout": None if client.timeout is None else entry.milliseconds("timeout", client.timeout),
    }
    if client.timeout is None and "timeout" in entry.rest:
        entry.note("its timeout was not applied: whether it counts seconds or milliseconds depends on the client")
    if client == CODEX:
        fields["timeout"] = entry.milliseconds("tool_timeout_sec", 1000)
    if client == PLATFORM:
        fields |= {key: entry.take(key) for key in ("agents", "retry_count", "auto_start", "tags", "priority")}
    name = entry.text("name")
    if name is None and client == CONTINUE:
        raise entry.problem("name", "is missing")
    if name is not None and name != entry.name:
        raise entry.problem("name", "is not the key that it stands under")
    return entry.config(fields)


def _tools(entry: Entry) -> Mapping[str, Any] | None:
    """Read which tools a client lets through. What it lets through without asking is another thing, and kept."""
    tools = entry.rest.get("tools")
    if isinstance(tools, Mapping):
        return mapping(entry.take("tools"))
    if "allowedTools" in entry.rest:
        entry.note("allowedTools was read as the only tools to have")
    include = entry.words("includeTools", "enabled_tools", "allowedTools", "tools")
    exclude = entry.words("excludeTools", "disabled_tools", "disabledTools")
    if include is None and exclude is None:
        return None
    return {"include": include, "exclude": exclude or []}
