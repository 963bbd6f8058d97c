"""Real servers: read from the file that pins them, confined to one folder, and probed with known answers.

A stub shows one behaviour on purpose; a real server shows what agents meet outside. Which servers there are,
how each is started, and which calls have known answers, is data: `mcp_stubs/real.toml` says it, in the
placeholders that its head explains. This module reads that file and fills the placeholders in; installing is
the business of `matrix.registry.environments`, and starting a process that of the lab.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from matrix.environment_spec import EnvironmentSpec
from matrix.errors import ConfigurationError, MatrixError
from matrix.placeholders import fill, placeholders, unknown_placeholder
from matrix.registry import environments
from matrix.toml_file import checked, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SETUP_SECONDS = 60


@dataclass(frozen=True)
class Probe:
    """A call whose answer is known: the text of `tool`'s result must hold `contains`."""

    tool: str
    arguments: Mapping[str, Any]
    contains: str

    def filled(self, root: Path, token: str, site: str = "") -> Probe:
        """Fill in what one run is given: the cell's folder, its own token, the address of the lab's site."""
        values = {"root": str(root), "token": token, "site": site}
        return replace(self, arguments=fill(self.arguments, values), contains=fill(self.contains, values))


@dataclass(frozen=True)
class HttpStart:
    """How a server is started for HTTP: `ready` is what it prints once it listens, `path` where it does."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    path: str
    ready: str


@dataclass(frozen=True)
class RealServer:
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

    @property
    def needs_site(self) -> bool:
        """Whether a probe calls for the site that the lab serves."""
        return any("site" in placeholders(probe.arguments) for probe in self.probes)


@dataclass(frozen=True)
class Prepared:
    """What starts a server: command, whole environment, folder; `url` and `ready` over HTTP only."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    url: str | None = None
    ready: str | None = None


def fresh_token() -> str:
    """Make a token that no other run has: letters and digits, safe as a name of nearly anything."""
    return f"t{secrets.token_hex(8)}"


def site_page(path: str) -> str | None:
    """Answer what the lab's site serves as HTML under a path; None where it has no such page (404)."""
    page = re.fullmatch(r"/page/([a-z0-9]+)", path)
    return f"<html><body><article><h1>It works: {page[1]}</h1></article></body></html>" if page else None


def unavailable(server: RealServer) -> str | None:
    """Why this machine cannot have the server, as far as that is known without installing anything."""
    missing = [program for program in server.requires if shutil.which(program) is None]
    if missing:
        return f"{server.name} needs {' and '.join(missing)}, not found on PATH."
    return environments.available(server.environment)


def prepare(server: RealServer, root: Path, port: int | None = None) -> Prepared:
    """Lay the server's files below `root` and say how it is started: over stdio, or over HTTP on `port`.

    The server's environment must be installed. For one root, the files are laid once, however often this is
    called; it blocks for the setup commands of that first time.
    """
    if port is None and server.stdio is None:
        raise MatrixError(f"the server {server.name} is not to be had over stdio")
    if port is not None and server.http is None:
        raise MatrixError(f"the server {server.name} is not to be had over HTTP")
    values = {
        "bin": str(environments.bin_path(server.environment)),
        "python": str(environments.bin_path(server.environment) / "python"),
        "root": str(root),
    }
    home = root / "home"
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        **fill(server.env, values),
    }
    _lay(server, root, values, env)
    if port is not None and server.http is not None:
        values["port"] = str(port)
        return Prepared(
            argv=tuple(fill(server.http.argv, values)),
            env=env | fill(server.http.env, values),
            cwd=root,
            url=f"http://127.0.0.1:{port}{server.http.path}",
            ready=server.http.ready,
        )
    return Prepared(argv=tuple(fill(server.stdio, values)), env=env, cwd=root)


def _lay(server: RealServer, root: Path, values: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Write the server's files and run its setup commands, unless that was done in this root before."""
    done = root / f".{server.name}.laid"
    if done.exists():
        return
    (root / "home" / "tmp").mkdir(parents=True, exist_ok=True)
    for name, text in server.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for template in server.setup:
        command = cast("list[str]", fill(template, values))
        try:
            subprocess.run(  # noqa: S603 - the commands come from a file of the repository or of its user
                command,
                cwd=root,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
                timeout=_SETUP_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            stderr = str(getattr(error, "stderr", None) or error).strip().splitlines()
            raise MatrixError(f"{server.name}: the setup command {command[0]!r} failed: {stderr[-1]}") from error
    done.touch()


def load_real_servers(path: Path) -> tuple[RealServer, ...]:
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


def _server(name: str, entry: _Server, environment: EnvironmentSpec) -> RealServer:
    http = entry.http
    return RealServer(
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
