"""The servers that a store assigns to agents, read for a run.

What is read is plain data with its references in place: `${VAR}` and `${sealed:…}` stay so in everything that is
planned, sent to a worker, or written. Only `Resolver`, in the worker, puts values in. Nothing heavy is imported before
a store is read.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from matrix.errors import UsageError
from matrix.json_access import mapping
from matrix.model import Probe

if TYPE_CHECKING:
    from matrix.configs.model import ServerConfig
    from matrix.configs.policy import Policy
    from matrix.configs.secrets import Sealer

KEY_VARIABLE = "MATRIX_CONFIGS_KEY"
_REFERENCE = re.compile(r"\$\{([^${}]+)\}")
_VARIABLE = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass(frozen=True)
class AssignedServer:
    """A server as a store has it, nothing in it resolved.

    `label` is the name as a part of a cell's id. `problem` says why the server cannot be attached, `unprobed` why
    there is no call with a known answer to make. `include` and `exclude` are patterns of tools.
    """

    name: str
    label: str
    transport: str
    fingerprint: str
    command: tuple[str, ...] = ()
    cwd: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    summary: str = ""
    problem: str | None = None
    unprobed: str | None = None

    def texts(self) -> Iterator[str]:
        """Yield everything in which a reference may stand."""
        yield from (*self.command, *self.environment.values(), *self.headers.values())
        yield from (each for each in (self.cwd, self.url) if each is not None)


@dataclass(frozen=True)
class Assigned:
    """What a store assigns: servers by label, the labels of each agent; `shown` is its URL without the password."""

    shown: str
    servers: Mapping[str, AssignedServer]
    by_agent: Mapping[str, tuple[str, ...]]

    def only(self, labels: AbstractSet[str]) -> Assigned:
        """Return the same with these servers only."""
        return replace(self, servers={label: self.servers[label] for label in sorted(labels)}, by_agent={})


def read_assigned(url: str, agents: Sequence[str], policy: Path | None = None) -> Assigned:
    """Read the enabled servers of these agents. Raises MatrixError, UsageError among them, in one sentence."""
    return asyncio.run(_read(url, agents, policy))


async def _read(url: str, agents: Sequence[str], policy_file: Path | None) -> Assigned:
    from matrix.configs.database import Database  # noqa: PLC0415
    from matrix.configs.policy import read_policy  # noqa: PLC0415
    from matrix.configs.rollout.read_routing import agent_configs  # noqa: PLC0415
    from matrix.configs.secrets import Sealer  # noqa: PLC0415

    policy, sealer = read_policy(policy_file), Sealer.from_environment()
    servers: dict[str, AssignedServer] = {}
    by_agent: dict[str, tuple[str, ...]] = {}
    async with Database(url) as database:
        for agent in agents:
            read = [_server(each, policy, sealer) for each in await agent_configs(database, sealer, agent)]
            for each in read:
                known = servers.setdefault(each.label, each)
                if known.fingerprint != each.fingerprint:
                    problem = f"{agent} is served another config of {each.name} than an agent before it, by its mode"
                    servers[each.label] = replace(known, problem=problem)
            by_agent[agent] = tuple(each.label for each in read)
        return Assigned(database.shown, dict(sorted(servers.items())), by_agent)


def _server(config: ServerConfig, policy: Policy, sealer: Sealer) -> AssignedServer:
    tools = config.tools
    read = AssignedServer(
        name=config.name,
        label=quote(config.name, safe=""),
        transport="stdio" if config.server_type == "stdio" else config.transport or "http",
        fingerprint=_fingerprint(config),
        command=tuple(config.command or ()),
        cwd=config.cwd,
        environment=dict(config.environment),
        url=config.url,
        headers=dict(config.headers),
        include=None if tools is None or tools.include is None else tuple(tools.include),
        exclude=() if tools is None else tuple(tools.exclude),
        summary=config.description or "",
    )
    probes, unprobed = _probes(config)
    return replace(read, probes=probes, unprobed=unprobed, problem=_problem(config, read, policy, sealer))


def _problem(config: ServerConfig, read: AssignedServer, policy: Policy, sealer: Sealer) -> str | None:
    """Return why a server cannot be attached, in one sentence without a value of it; None where it can."""
    from matrix.configs.model import ServerConfig  # noqa: PLC0415
    from matrix.configs.policy import violations  # noqa: PLC0415

    try:
        plain = ServerConfig.read(sealer.unsealed(config.to_json()), stored=True)
    except UsageError as problem:
        return f"{read.name}: {problem}"
    if broken := violations(plain, policy):
        first = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        return f"the policy refuses {read.name}: {first.rule}: {first.where}: {first.message}{more}"
    if read.transport == "sse":
        return f"{read.name} speaks the old SSE transport, which cannot be recorded yet"
    if config.tools is not None and (config.tools.include == [] or "*" in config.tools.exclude):
        return f"the tool filter of {read.name} leaves no tool"
    try:
        for text in read.texts():
            _filled(text, os.environ, sealer)
    except UsageError as problem:
        return f"{read.name}: {problem}"
    return None


def _filled(text: str, variables: Mapping[str, str], sealer: Sealer, taken: list[str] | None = None) -> str:
    """Return a text with its references replaced by their values, which are noted in `taken`. Raises UsageError."""

    def value(found: re.Match[str]) -> str:
        put = _value(found[1], variables, sealer)
        if taken is not None:
            taken.append(put)
        return put

    return _REFERENCE.sub(value, text)


def _value(reference: str, variables: Mapping[str, str], sealer: Sealer) -> str:
    if reference.startswith("sealed:"):
        return sealer.unseal(f"${{{reference}}}")
    if reference.startswith("input:"):
        raise UsageError(f"it needs ${{{reference}}}, which only a person can give; make it an environment variable")
    found = _VARIABLE.fullmatch(reference)
    if found is None:
        raise UsageError(f"it refers to ${{{reference}}}, and we know only environment variables")
    if found[1] == KEY_VARIABLE:
        raise UsageError(f"it refers to {KEY_VARIABLE}, the key of the store, which no server is given")
    put = variables.get(found[1])
    if not put and found[2] is not None:
        put = found[2]
    if put is None:
        raise UsageError(f"the environment variable {found[1]} is not set")
    return put


def _probes(config: ServerConfig) -> tuple[tuple[Probe, ...], str | None]:
    """Return the calls of known answers that a config has under `probes`, or why there are none."""
    from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError  # noqa: PLC0415

    class Row(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        tool: str
        arguments: dict[str, Any] = {}
        contains: str = Field(min_length=1)

    found = mapping(config.model_extra).get("probes")
    if found is None or found == []:
        return (), "its config has no probes"
    try:
        probes = TypeAdapter(list[Row]).validate_python(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("probes", *first["loc"]))
        return (), f"its config's {where} cannot be read: {first['msg']}"
    for number, each in enumerate(probes):
        if config.tools is not None and not config.tools.allows(each.tool):
            return (), f"its config's probes.{number} calls {each.tool}, which its tool filter excludes"
    return tuple(Probe(each.tool, each.arguments, each.contains) for each in probes), None


def _fingerprint(config: ServerConfig) -> str:
    """Return a short hash of what a run is about; sealing anew the same secret does not change it."""
    from matrix.configs.model import canonical, fingerprint  # noqa: PLC0415
    from matrix.configs.secrets import SEALED  # noqa: PLC0415

    kept = {name: each for name, each in config.to_json().items() if name not in {"agents", "legacy"}}
    return fingerprint(SEALED.sub("${sealed}", canonical(kept)))


@dataclass(frozen=True)
class Resolved:
    """A server with its values in: what starts it (`argv`, `environment`, `cwd`), or where it is (`url`, `headers`)."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    cwd: str | None
    url: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Resolver:
    """Puts values in the place of references, in a worker, and remembers which of them nobody is to read.

    Takes the store's key out of the environment: what is started later does not get it.
    """

    def __init__(self) -> None:
        from matrix.configs.secrets import Sealer  # noqa: PLC0415

        self._sealer = Sealer.from_environment()
        os.environ.pop(KEY_VARIABLE, None)
        self._variables = dict(os.environ)
        self.secrets: set[str] = set()

    def resolve(self, server: AssignedServer) -> Resolved:
        """Return the server with its values in. Raises UsageError for a reference that leads nowhere."""
        taken: list[str] = []

        def fill(text: str) -> str:
            return _filled(text, self._variables, self._sealer, taken)

        def fill_each(texts: Mapping[str, str]) -> dict[str, str]:
            filled = {name: fill(text) for name, text in texts.items()}
            taken.extend(each for name, each in filled.items() if each != texts[name])
            return filled

        resolved = Resolved(
            argv=tuple(map(fill, server.command)),
            environment=fill_each(server.environment),
            cwd=None if server.cwd is None else fill(server.cwd),
            url=None if server.url is None else fill(server.url),
            headers=fill_each(server.headers),
        )
        self.secrets.update(taken, _in_clear(server))
        return resolved


def _in_clear(server: AssignedServer) -> list[str]:
    """Return the secrets that a config from the legacy tables may have in clear, where there is no key to seal them."""
    from matrix.configs.secrets import change_secrets  # noqa: PLC0415

    found: list[str] = []
    config = {
        "command": list(server.command),
        "environment": server.environment,
        "url": server.url,
        "headers": server.headers,
    }

    def note(text: str) -> str:
        found.append(text)
        return text

    change_secrets(config, note)
    return found
