"""Registrations: what an owner writes to become a row, read into `Agent`.

A registration that cannot be read becomes a row too, with the cause and its mend; it never hides the others.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from matrix.model import CONTROL, Agent, Command, NativeProbe, Problem

_STRICT = ConfigDict(extra="forbid", frozen=True)


class NativeRow(BaseModel):
    """`[native]`: one of the agent's own tools, which a cell calls beside its MCP tools."""

    model_config = _STRICT
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    contains: str = ""


class InstallRow(BaseModel):
    """`[install]`: pinned packages for an environment of the row's own."""

    model_config = _STRICT
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    python: str | None = None


class AgentRow(BaseModel):
    """One registration: `factory` (an import string) or `argv` (a command), and what the agent declares."""

    model_config = _STRICT
    factory: str | None = Field(default=None, pattern=r"^[\w.]+:[\w.]+$")
    argv: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    install: InstallRow = InstallRow()
    summary: str = ""
    protocol: Literal["openai-chat", "openai-responses", "anthropic", "google"] = "openai-chat"
    model: str = "gpt-4.1-mini"
    services: str | None = Field(default=None, pattern=r"^[\w.]+:[\w.]+$")
    env: dict[str, str] = Field(default_factory=dict)
    live_keys: tuple[str, ...] = ()
    native: NativeRow | None = None
    unsupported: tuple[str, ...] = ()

    @field_validator("files")
    @classmethod
    def below_home(cls, files: dict[str, str]) -> dict[str, str]:
        """Files are written below the run's own HOME, nowhere else."""
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                msg = f"{name!r} should be a path below the run's HOME"
                raise ValueError(msg)
        return files

    @model_validator(mode="after")
    def one_way_to_start(self) -> AgentRow:
        """Either a factory or a command."""
        if bool(self.factory) == bool(self.argv):
            msg = "name either `factory` (an import string) or `argv` (a command)"
            raise ValueError(msg)
        return self


def from_toml(path: Path, name: str, root: Path | None = None) -> Agent:
    """Read a row from a TOML file; a file that cannot be read is a row with a problem.

    A factory is imported from `root`; the files of a command stand beside the TOML file.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        return broken(name, str(path), f"cannot be read: {problem.strerror}", "make the file readable")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        return broken(name, str(path), f"is no valid TOML: {problem}", f"correct {path}")
    folder = path.parent.resolve() if "argv" in data else root
    return from_mapping(data, name, str(path), folder)


def from_mapping(data: Mapping[str, Any], name: str, origin: str, folder: Path | None = None) -> Agent:
    """Read a row from a mapping, as TOML gives it; `folder` is where its import, or its command's files, begin."""
    try:
        row = AgentRow.model_validate(data)
    except ValidationError as problem:
        first = problem.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the row"
        return broken(name, origin, f"{key}: {first['msg']}", f"correct `{key}` in {origin}")
    command = None
    if row.argv:
        command = Command(row.argv, row.env, row.files, row.install.pypi, row.install.npm, row.install.python)
    return Agent(
        name=name,
        origin=origin,
        summary=row.summary,
        target=row.factory,
        command=command,
        protocol=row.protocol,
        model=row.model,
        services=row.services,
        folder=None if folder is None else str(folder),
        env=row.env,
        live_keys=row.live_keys,
        native=None if row.native is None else NativeProbe(**row.native.model_dump()),
        unsupported=frozenset(row.unsupported),
        problem=None if command is None else _missing_command(command, origin, folder),
    )


def from_import_string(text: str, name: str, origin: str) -> Agent:
    """Make a row of `package.module:attribute`."""
    return from_mapping({"factory": text}, name, origin)


def with_valid_name(agent: Agent) -> Agent:
    """Return the agent, or, where its name would not fit into a cell's id, a row that says so under one that does."""
    if agent.name != CONTROL and re.fullmatch(r"[\w.+-]+", agent.name):
        return agent
    name = re.sub(r"[^\w.+-]", "_", agent.name)
    name = f"{name}_" if name == CONTROL else name
    mend = f"use letters, digits and `_.+-`, and not {CONTROL!r}, which is the row without an agent"
    return broken(name, agent.origin, f"an agent cannot be called {agent.name!r}", mend)


def broken(name: str, origin: str, cause: str, mend: str) -> Agent:
    """Make the row of a registration that is wrong."""
    return Agent(name=name, origin=origin, problem=Problem(cause, mend))


def _missing_command(command: Command, origin: str, folder: Path | None) -> Problem | None:
    program = command.argv[0].replace("{folder}", str(folder or ""))
    if "{" in program or command.pypi or command.npm or shutil.which(program):
        return None
    place = "cannot be found, or is not executable" if "/" in program else "is not on PATH"
    return Problem(f"the command {command.argv[0]!r} {place}", f"install it, or correct `argv` in {origin}")
