"""How a client starts or reaches a server, in every client's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from matrix.configs.dialects.entry import Entry
from matrix.json_access import mapping

_TYPES = {
    "stdio": "stdio",
    "local": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamablehttp": "http",
    "remote": "http",
    "sse": "sse",
}
"""What clients call transports, in lower case."""


def read_transport(entry: Entry, untyped: Literal["http", "sse"] | None) -> dict[str, Any]:
    """Take the keys of an entry that say how its server is started or reached.

    `untyped` is what a `url` without a type means, None where clients differ: then it is http, and that is noted.
    Raises InvalidConfig.
    """
    _unfold(entry)
    command, kind = _command(entry), _kind(entry)
    streamable = entry.rest.get("httpUrl") is not None
    url = entry.text("httpUrl", "url", "serverUrl")
    if command and url and kind is None:
        raise entry.problem("", "has both a command and a url; say with `type` which of them counts")
    kind = kind or ("stdio" if command else "http" if streamable else _of_url(entry, url, untyped))
    fields: dict[str, Any] = {"environment": entry.texts("env", "environment"), "headers": _headers(entry)}
    for name in entry.words("env_vars") or ():
        fields["environment"].setdefault(name, f"${{{name}}}")
    if kind == "stdio":
        if not command:
            raise entry.problem("command", "is missing; a stdio server needs one")
        if url:
            entry.rest["url"] = url
        return {**fields, "server_type": "stdio", "command": command, "cwd": entry.text("cwd")}
    if not url:
        raise entry.problem("url", f"is missing; a server of type {kind} needs one")
    if command:
        entry.rest["command"] = command
    return {**fields, "server_type": "http", "url": url, "transport": "sse" if kind == "sse" else None}


def _unfold(entry: Entry) -> None:
    """Put what some clients nest one level deeper where the others have it."""
    for key, names in (("command", {"path": "command"}), ("transport", {}), ("requestOptions", {})):
        inner = entry.rest.get(key)
        if not isinstance(inner, Mapping):
            continue
        del entry.rest[key]
        unfolded = {names.get(name, name): value for name, value in mapping(cast("object", inner)).items()}
        if twice := sorted(set(unfolded) & set(entry.rest)):
            raise entry.problem(f"{key}.{twice[0]}", "stands outside as well; keep one")
        entry.rest |= unfolded


def _command(entry: Entry) -> list[str] | None:
    if isinstance(entry.rest.get("command"), list):
        program = entry.words("command")
    else:
        text = entry.text("command")
        program = None if text is None else [text]
    arguments = entry.words("args") or []
    if not program:
        if arguments:
            raise entry.problem("args", "stand there without a command")
        return None
    if not arguments and len(program) == 1 and " " in program[0].strip():
        entry.note("the command is one word with spaces in it; arguments belong in args")
    return [*program, *arguments]


def _kind(entry: Entry) -> str | None:
    kinds: set[str] = set()
    for key in ("type", "transport", "transportType", "server_type"):
        text = entry.text(key)
        if text is None:
            continue
        kind = _TYPES.get(text.strip().lower())
        if kind is None:
            raise entry.problem(key, "is a transport that we do not know; known are stdio, http and sse")
        kinds.add(kind)
    if len(kinds) > 1:
        raise entry.problem("type", f"is said twice, as {' and as '.join(sorted(kinds))}; keep one")
    return kinds.pop() if kinds else None


def _of_url(entry: Entry, url: str | None, untyped: Literal["http", "sse"] | None) -> str:
    if url is None:
        if entry.rest.get("source") == "extension" or "settings" in entry.rest:
            raise entry.problem("", "comes with an extension of the editor, which alone knows its command")
        raise entry.problem("", "has neither a command nor a url")
    if untyped == "sse":
        entry.note("its url has no type, which is SSE to this client")
    elif untyped is None:
        entry.note("its url has no type; it was read as http, which some clients take for SSE")
    if untyped != "sse" and _path(url).rstrip("/").endswith("/sse"):
        entry.note("its url ends in /sse, but has no type; it was read as http")
    return untyped or "http"


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _headers(entry: Entry) -> dict[str, str]:
    """Read the headers, and those that Codex makes of variables."""
    headers = entry.texts("headers", "http_headers")
    for header, variable in entry.texts("env_http_headers").items():
        headers[header] = f"${{{variable}}}"
    token = entry.text("bearer_token_env_var")
    if token is not None:
        headers["Authorization"] = f"Bearer ${{{token}}}"
    return headers
