"""The official registry's `server.json`: how a published server is started or reached, made one server of ours.

The newest schema (2025-12-11) and the older ones, whose keys have underscores. A published file lists ways to run a
server; the first package that can be started counts, else the first remote, and the rest is kept under `registry`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from matrix.configs.dialects.entry import Entry, Source, named
from matrix.configs.model import ServerConfig
from matrix.configs.secrets import mask_text
from matrix.json_access import mapping, sequence

_RUNTIMES = {"npm": "npx", "pypi": "uvx", "oci": "docker", "nuget": "dnx"}
_OLD_KEYS = re.compile(
    r"registry_(type|base_url)|runtime_(hint|arguments)|(package_arguments|environment_variables|value_hint|file_sha256)"
    r"|is_(required|secret|repeated)|(website_url|version_detail)"
)


def recognise(document: Any) -> Iterator[Source]:
    """Yield the source, if the document is a `server.json`, or an answer of the registry's API."""
    root = mapping(document)
    items = root["servers"] if isinstance(root.get("servers"), list) else [document]
    servers = [mapping(item).get("server", item) for item in sequence(items)]
    if any(_is_server(each) for each in servers):
        yield Source("server.json", named(servers), _translate)


def _is_server(value: Any) -> bool:
    return any(isinstance(mapping(value).get(key), list) for key in ("packages", "remotes"))


def _translate(entry: Entry) -> ServerConfig:
    if not isinstance(entry.rest.get("name"), str):
        raise entry.problem("name", "is missing")
    published = mapping(_new_keys(entry.rest))
    ways: list[tuple[str, Callable[[], dict[str, Any] | str]]] = []
    for package in map(mapping, sequence(published.get("packages"))):
        title = (
            f"the {package.get('registryType', 'unknown')} package {package.get('identifier', 'without identifier')}"
        )
        ways.append((title, lambda package=package: _package(entry, package)))
    for remote in map(mapping, sequence(published.get("remotes"))):
        title = f"the remote {mask_text(str(remote.get('url')))}"
        ways.append((title, lambda remote=remote: _remote(entry, remote)))
    refused: list[str] = []
    for number, (title, make) in enumerate(ways):
        made = make()
        if isinstance(made, str):
            refused.append(f"{title} {made}")
            continue
        others = [title for title, _ in ways[number + 1 :]]
        entry.notes += [f"{entry.name[:64]!r}: {reason}" for reason in refused]
        if others:
            entry.note(f"{title} was taken; kept under `registry`: {', '.join(others)}")
        description = entry.text("description")
        kept = {key: value for key, value in published.items() if key not in {"name", "description"}}
        entry.rest.clear()
        return entry.config(
            {**made, "name": entry.name, "description": description, "registry": _without_secrets(kept)}
        )
    raise entry.problem("", "; ".join(refused) or "has neither packages nor remotes")


def _package(entry: Entry, package: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return how a package is started, or why it cannot be."""
    kind, identifier, version = (package.get(key) for key in ("registryType", "identifier", "version"))
    if kind not in _RUNTIMES or not isinstance(identifier, str):
        return "is of a kind that has no one command to start it"
    if mapping(package.get("transport")).get("type", "stdio") != "stdio":
        return "starts an HTTP server of its own, which nobody here would start"
    hint = package.get("runtimeHint")
    program = hint if isinstance(hint, str) and hint else _RUNTIMES[kind]
    before = _arguments(entry, package.get("runtimeArguments"))
    after = _arguments(entry, package.get("packageArguments"))
    environment = _inputs(entry, package.get("environmentVariables"))
    spec = identifier
    if isinstance(version, str) and not (kind == "oci" and re.search(r"[:@][^/]*$", identifier)):
        spec += f":{version}" if kind == "oci" else f"@{version}"
    if program == "docker" and "run" not in before:
        passed = [word for name in environment for word in ("-e", name)]
        before = ["run", "-i", "--rm", *before, *passed]
    if program == "npx" and not {"-y", "--yes"} & set(before):
        before = ["-y", *before]
    if program == "dnx":
        after = ["--yes", *(["--", *after] if after else [])]
    return {"server_type": "stdio", "command": [program, *before, spec, *after], "environment": environment}


def _remote(entry: Entry, remote: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return how a remote is reached, or why it cannot be."""
    url = remote.get("url")
    kind = remote.get("type", remote.get("transport_type"))
    if not isinstance(url, str) or kind not in {"streamable-http", "http", "sse"}:
        return "is of a type that we do not know"
    return {
        "server_type": "http",
        "url": _filled(url, remote),
        "transport": "sse" if kind == "sse" else None,
        "headers": _inputs(entry, remote.get("headers")),
    }


def _inputs(entry: Entry, items: object) -> dict[str, str]:
    """Read variables or headers; one that has no value and is not required is left out."""
    found: dict[str, str] = {}
    for item in map(mapping, sequence(items)):
        name = item.get("name")
        if not isinstance(name, str):
            raise entry.problem("packages", "have a variable or a header without a name")
        value = _value(entry, item, name)
        if value is not None:
            found[name] = value
    return found


def _arguments(entry: Entry, items: object) -> list[str]:
    """Read arguments. One that is named and says nothing of a value is a switch."""
    words: list[str] = []
    for item in map(mapping, sequence(items)):
        name, hint = item.get("name"), item.get("valueHint")
        if item.get("type") == "named" and isinstance(name, str):
            value = _value(entry, item, hint if isinstance(hint, str) else name.lstrip("-"))
            is_switch = not {"value", "default", "format", "choices", "valueHint", "isRequired", "variables"} & set(
                item
            )
            words += [name] if is_switch else [] if value is None else [name, value]
            continue
        value = _value(entry, item, hint if isinstance(hint, str) else "argument")
        if value is not None:
            words.append(value)
    return words


def _value(entry: Entry, item: Mapping[str, Any], name: str) -> str | None:
    """Return the value of an input: fixed, its default, or a reference to fill in; None where it may be absent."""
    reference = f"${{{name}}}"
    given = next((item[key] for key in ("value", "default") if isinstance(item.get(key), str)), None)
    filled = None if given is None else _filled(given, item)
    if item.get("isSecret") is True:
        if filled is not None and "${" not in filled:
            entry.note(f"{name} is a secret with a value in clear, which was not taken")
            filled = None
        return filled or reference
    if filled is not None:
        return filled
    return reference if item.get("isRequired") is True else None


def _filled(text: str, item: Mapping[str, Any]) -> str:
    """Put its variables into a text: their defaults, or references."""
    for name, variable in mapping(item.get("variables")).items():
        known = mapping(variable)
        value = next((known[key] for key in ("value", "default") if isinstance(known.get(key), str)), None)
        if value is None or known.get("isSecret") is True:
            value = f"${{{name}}}"
        text = re.sub(rf"(?<!\$)\{{{re.escape(name)}\}}", lambda _, value=value: value, text)
    return text


def _without_secrets(value: Any, name: str = "secret") -> Any:
    """Return what was published with references in place of secrets."""
    if isinstance(value, Mapping):
        item = mapping(cast("object", value))
        own = item.get("name") if isinstance(item.get("name"), str) else name
        secret = {"value", "default"} if item.get("isSecret") is True else set[str]()
        return {key: f"${{{own}}}" if key in secret else _without_secrets(each, key) for key, each in item.items()}
    if isinstance(value, list):
        return [_without_secrets(each, name) for each in sequence(cast("object", value))]
    return value


def _new_keys(value: Any) -> Any:
    """Return the document with the keys of the newest schema; names of variables are left alone."""
    if isinstance(value, Mapping):
        return {_new_key(key): _new_keys(each) for key, each in mapping(cast("object", value)).items()}
    if isinstance(value, list):
        return [_new_keys(each) for each in sequence(cast("object", value))]
    return value


def _new_key(key: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), key) if _OLD_KEYS.fullmatch(key) else key
