"""One reader for the MCP server configs that people really have, and the way back into a file.

JSON, JSON with comments, JSON5 and TOML; `mcpServers` of Claude, Cursor, Windsurf, Gemini CLI, Cline, Copilot and
Continue, VS Code's `servers`, Zed's `context_servers`, opencode's `mcp`, Codex's `mcp_servers`, the official
registry's `server.json`, and the platform's own configs, legacy rows and older file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, cast

from matrix.configs.dialects import clients, platform, registry
from matrix.configs.dialects.documents import load, parse
from matrix.configs.dialects.entry import Entry, Source
from matrix.configs.dialects.writing import losses, write_configs
from matrix.configs.model import InvalidConfig, ServerConfig, leaves
from matrix.errors import ConfigurationError
from matrix.json_access import mapping

__all__ = ["Reading", "losses", "read_configs", "read_file", "write_configs"]

_INPUT = re.compile(r"\$\{input:([^${}]+)\}")
_SHOWN = 5
"""How many names a sentence lists."""


@dataclass(frozen=True)
class Reading:
    """What a file says: its dialect, the servers, what they ask the user for (VS Code's `inputs`).

    `notes` say what was understood in a way worth knowing; `problems` name each server that cannot be read, in one
    sentence each. Who writes anything on the strength of a reading refuses one with problems. Secrets are in clear
    where the file has them so.
    """

    dialect: str
    configs: tuple[ServerConfig, ...]
    inputs: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_file(path: Path | str, *, assigned: bool = False) -> Reading:
    """Read a file of any dialect. Raises ConfigurationError where the file as a whole cannot be read."""
    return read_configs(load(Path(path)), path, assigned=assigned)


def read_configs(text: str, file: Path | str = "the text", *, assigned: bool = False) -> Reading:
    """Read a text of any dialect; `file` is what it is called in errors, and a hint whose file it is.

    Servers without agents are worth a note, unless they are going to be `assigned`.
    Raises ConfigurationError where the text as a whole cannot be read; what is wrong with a server is a problem of
    the reading.
    """
    source = _recognised(parse(text, file), file)
    found: dict[str, ServerConfig] = {}
    notes, problems = list(source.notes), list[str]()
    for name, data in source.entries:
        try:
            entry = Entry(name, data, source.rewrite)
            config = source.translate(entry)
        except InvalidConfig as problem:
            problems.append(str(problem))
            continue
        notes += entry.notes
        if config.name in found:
            problems.append(f"the server {config.name[:64]!r} is there twice; keep one")
        else:
            found[config.name] = config
    inputs = [mapping(each) for each in source.inputs]
    problems += [f"inputs.{n}: has no id" for n, each in enumerate(inputs) if not isinstance(each.get("id"), str)]
    notes += _remarks(found, inputs, assigned=assigned)
    return Reading(source.dialect, tuple(found.values()), tuple(inputs), tuple(notes), tuple(problems))


def _recognised(document: Any, file: Path | str) -> Source:
    sources = [
        *clients.recognise(document, PurePath(file)),
        *registry.recognise(document),
        *platform.recognise(document),
    ]
    if len(sources) == 1:
        return sources[0]
    if sources:
        both = " and of ".join(sorted(source.dialect for source in sources))
        raise ConfigurationError(file, None, f"could be a file of {both}; split it, and read one part at a time")
    known = "mcpServers, servers, context_servers, mcp, mcp_servers, packages or remotes, configs"
    if isinstance(document, Mapping) and (keys := sorted(map(str, cast("Mapping[str, Any]", document)))):
        has = f"its keys are {_listed(keys)}"
    else:
        has = "it has no keys"
    raise ConfigurationError(file, None, f"holds no MCP servers in a form that we know ({known}); {has}")


def _remarks(found: Mapping[str, ServerConfig], inputs: list[Mapping[str, Any]], *, assigned: bool) -> Iterator[str]:
    if not found:
        yield "there are no servers in it"
    nobodys = sorted(name for name, config in found.items() if not config.agents)
    if nobodys and not assigned:
        yield f"no agents are named, so nobody has {_listed(nobodys)}"
    asked = {each.get("id") for each in inputs}
    used = {match for config in found.values() for match in _references(config)}
    if missing := sorted(used - asked):
        yield f"referred to, but not among the inputs: {_listed(missing)}"


def _references(config: ServerConfig) -> Iterator[str]:
    for _, value in leaves(config.to_json()):
        if isinstance(value, str):
            yield from _INPUT.findall(value)


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name[:64]) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
