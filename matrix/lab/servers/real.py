"""Pinned real servers, as their file says: which there are, how each is started, and its probes.

A stub shows one behaviour on purpose; a real server shows what agents meet outside. What there is to know of each is
data: `mcp_stubs/real.toml` has it, in the placeholders that its head explains. This module reads that file;
`prepare` fills the placeholders in, and installing is the business of `matrix.registry.environments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from matrix.environment_spec import EnvironmentSpec
from matrix.errors import ConfigurationError
from matrix.model import Probe
from matrix.placeholders import unknown_placeholder
from matrix.toml_file import checked, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class HttpStart:
    """How a server is started for HTTP: `ready` is what it prints once it listens, `path` where it does."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    path: str
    ready: str


@dataclass(frozen=True)
class PinnedServer:
    """A server of the outside world, its placeholders not yet filled in."""

    name: str
    summary: str
    environment: EnvironmentSpec
    stdio: tuple[str, ...] | None
    http: HttpStart | None
    env: Mapping[str, str]
    files: Mapping[str, str]
    setup: tuple[tuple[str, ...], ...]
    requires: tuple[str, ...]
    probes: tuple[Probe, ...]


def load_real_servers(path: Path) -> tuple[PinnedServer, ...]:
    """Read the servers from the file that pins them, in its order, or say what is wrong with it and where."""
    file = checked(_File, read_toml(path), path)
    for name, entry in file.environments.items():
        if not entry.pypi and not entry.npm:
            raise ConfigurationError(path, f"environments.{name}", "needs a package, `pypi` or `npm` or both")
    specs = {
        name: EnvironmentSpec(name, tuple(entry.pypi), tuple(entry.npm), entry.python)
        for name, entry in file.environments.items()
    }
    for name, entry in file.servers.items():
        if entry.environment not in specs:
            mend = f"names no environment of this file, which has {', '.join(sorted(specs))}"
            raise ConfigurationError(path, f"servers.{name}.environment", mend)
        if not entry.stdio and not entry.http:
            raise ConfigurationError(path, f"servers.{name}", "needs a command, `stdio` or `http` or both")
    return tuple(_server(name, entry, specs[entry.environment]) for name, entry in file.servers.items())


def _server(name: str, entry: _Server, environment: EnvironmentSpec) -> PinnedServer:
    http = entry.http
    return PinnedServer(
        name=name,
        summary=entry.summary,
        environment=environment,
        stdio=tuple(entry.stdio) if entry.stdio else None,
        http=HttpStart(tuple(http.argv), http.env, http.path, http.ready) if http else None,
        env=entry.env,
        files=entry.files,
        setup=tuple(tuple(command) for command in entry.setup),
        requires=tuple(entry.requires),
        probes=tuple(Probe(probe.tool, probe.arguments, probe.contains) for probe in entry.probes),
    )


def _knows(*known: str) -> AfterValidator:
    """Accept a value whose strings use these placeholders only: a misspelt one must not reach a server."""

    def check(value: Any) -> Any:
        if told := unknown_placeholder(value, known):
            raise ValueError(told)
        return value

    return AfterValidator(check)


def _below_root(files: dict[str, str]) -> dict[str, str]:
    """Accept only names of files that stay below the cell's folder."""
    for name in files:
        if name.startswith("/") or ".." in name.split("/"):
            raise ValueError(f"{name!r} leaves the folder of the cell; name a path below it")
    return files


_Argv = Annotated[list[str], Field(min_length=1), _knows("bin", "python", "root")]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Environment(_Table):
    pypi: list[str] = []
    npm: list[str] = []
    python: str | None = None


class _Probe(_Table):
    tool: str
    arguments: Annotated[dict[str, Any], _knows("root", "token", "site")]
    contains: Annotated[str, Field(min_length=1), _knows("root", "token", "site")]


class _Http(_Table):
    argv: Annotated[list[str], Field(min_length=1), _knows("bin", "python", "root", "port")]
    env: Annotated[dict[str, str], _knows("bin", "python", "root", "port")] = {}
    path: Annotated[str, Field(pattern="^/")]
    ready: str


class _Server(_Table):
    summary: str
    environment: str
    requires: list[str] = []
    stdio: _Argv | None = None
    http: _Http | None = None
    env: Annotated[dict[str, str], _knows("bin", "python", "root")] = {}
    files: Annotated[dict[str, str], AfterValidator(_below_root)] = {}
    setup: list[_Argv] = []
    probes: Annotated[list[_Probe], Field(min_length=1)]


class _File(_Table):
    environments: dict[_Name, _Environment]
    servers: dict[_Name, _Server]
