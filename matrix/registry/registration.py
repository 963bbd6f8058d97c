"""Registrations: what an owner writes to become a row, read into `Agent`.

A registration that cannot be read becomes a row too, with the cause and its mend; it never hides the others.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from matrix.errors import ConfigurationError
from matrix.model import CONTROL, Agent, Command, EnvironmentSpec, OwnServers, Probe, Problem
from matrix.origin import Registration
from matrix.placeholders import placeholders, unknown_placeholder
from matrix.toml_file import first_fault, read_toml

PLACEHOLDERS = (
    "prompt",
    "mcp_config",
    "model_base_url",
    "model_api_key",
    "model_name",
    "home",
    "bin",
    "folder",
)
"""What is filled in, for every run, in the arguments, the environment and the files of a command."""
_STRICT = ConfigDict(extra="forbid", frozen=True)


def _import_string(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:[\w.]+", text):
        raise ValueError(f"{text!r} should be an import string, such as 'package.module:create_agent'")
    return text


ImportString = Annotated[str, AfterValidator(_import_string)]


class NativeRow(BaseModel):
    """`[native]`: one of the agent's own tools, which a cell calls beside its MCP tools."""

    model_config = _STRICT
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    contains: str = ""


class InstallRow(BaseModel):
    """`[install]`: packages for an environment of the row's own."""

    model_config = _STRICT
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    python: str | None = None

    @model_validator(mode="after")
    def some_package(self) -> InstallRow:
        """An environment without a package would be none."""
        if not (self.pypi or self.npm):
            raise ValueError("needs a package, `pypi` or `npm` or both")
        return self


class AgentRow(BaseModel):
    """One registration: `factory` (an import string) or `argv` (a command), and what the agent declares."""

    model_config = _STRICT
    # In this order: what a placeholder may be depends on the first two.
    install: InstallRow | None = None
    argv: tuple[str, ...] = ()
    factory: ImportString | None = None
    files: dict[str, str] = Field(default_factory=dict)
    summary: str = ""
    protocol: Literal["openai-chat", "openai-responses", "anthropic", "google"] = "openai-chat"
    model: str = "gpt-4.1-mini"
    services: ImportString | None = None
    deps: ImportString | None = None
    own_servers: OwnServers = OwnServers.DROP
    env: dict[str, str] = Field(default_factory=dict)
    live_keys: tuple[str, ...] = ()
    native: NativeRow | None = None
    unsupported: tuple[str, ...] = ()

    @field_validator("argv", "env", "files")
    @classmethod
    def known_placeholders(cls, value: Any, info: ValidationInfo) -> Any:
        """A misspelt placeholder must not reach a program; the environment of a factory is taken as it is."""
        if info.field_name == "env" and not info.data.get("argv"):
            if meant := sorted(placeholders(value) & set(PLACEHOLDERS)):
                raise ValueError(f"has {{{meant[0]}}}, which is filled in for commands (`argv`) only")
            return value
        if told := unknown_placeholder(value, PLACEHOLDERS):
            raise ValueError(told)
        if info.data.get("install") is None and "bin" in placeholders(value):
            raise ValueError("has {bin}, which is the folder of what `install` names, and the row has no `install`")
        return value

    @field_validator("files")
    @classmethod
    def below_home(cls, files: dict[str, str]) -> dict[str, str]:
        """Files are written below the run's own HOME, nowhere else."""
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise ValueError(f"{name!r} should be a path below the run's HOME")
            if placeholders(name):
                raise ValueError(f"{name!r} should be a plain path: placeholders are filled in in what a file holds")
        return files

    @model_validator(mode="after")
    def one_way_to_start(self) -> AgentRow:
        """Either a factory or a command, each with its own keys."""
        if bool(self.factory) == bool(self.argv):
            raise ValueError("name either `factory` (an import string) or `argv` (a command)")
        if self.factory and self.files:
            raise ValueError("`files` are written for a command (`argv`) only, not for a `factory`")
        if self.factory and self.install:
            raise ValueError("`install` is for a command (`argv`) only: a `factory` is imported where the matrix runs")
        if self.argv and self.services:
            raise ValueError("`services` answer the calls of a `factory` only: a command makes them in its own process")
        for key in ("deps", "own_servers"):
            if self.argv and key in self.model_fields_set:
                raise ValueError(f"`{key}` is for a `factory` only: a command has its own")
        return self


def from_toml(path: Path, name: str, registration: Registration, root: Path | None = None) -> Agent:
    """Read a row from a TOML file; a file that cannot be read is a row with a problem.

    A factory is imported from `root`; the files of a command stand beside the TOML file.
    """
    try:
        data = read_toml(path)
    except ConfigurationError as problem:
        cause = ": ".join(part for part in (problem.place, problem.mend) if part)
        return broken(name, registration, cause, f"correct {path}")
    folder = path.parent.resolve() if "argv" in data else root
    return from_mapping(data, name, registration, folder)


def from_mapping(data: Mapping[str, Any], name: str, registration: Registration, folder: Path | None = None) -> Agent:
    """Read a row from a mapping, as TOML gives it; `folder` is where its import, or its command's files, begin."""
    try:
        row = AgentRow.model_validate(data)
    except ValidationError as problem:
        key, what = first_fault(AgentRow, problem)
        key = key or "the row"
        return broken(name, registration, f"{key}: {what}", f"correct `{key}` in {registration}")
    command = None if not row.argv else Command(row.argv, row.env, row.files, _environment(name, row.install))
    return Agent(
        name=name,
        registration=registration,
        summary=row.summary,
        target=row.factory,
        command=command,
        protocol=row.protocol,
        model=row.model,
        services=row.services,
        folder=None if folder is None else str(folder),
        env=row.env,
        live_keys=row.live_keys,
        deps=row.deps,
        own_servers=row.own_servers,
        native=None if row.native is None else Probe(**row.native.model_dump()),
        unsupported=frozenset(row.unsupported),
        problem=None if command is None else _missing_command(command, registration, folder),
    )


def from_import_string(text: str, name: str, registration: Registration, folder: Path | None = None) -> Agent:
    """Make a row of `package.module:attribute`."""
    return from_mapping({"factory": text}, name, registration, folder)


def with_valid_name(agent: Agent) -> Agent:
    """Return the agent, or, where its name would not fit into a cell's id, a row that says so under one that does."""
    name = valid_name(agent.name)
    if name == agent.name:
        return agent
    mend = f"use letters, digits and `_.+-`, and not {CONTROL!r}, which is the row without an agent"
    return broken(name, agent.registration, f"an agent cannot be called {agent.name!r}", mend)


def valid_name(name: str) -> str:
    """Return a name as one that fits into a cell's id, and is not the control's."""
    name = re.sub(r"[^\w.+-]", "_", name) or "_"
    return f"{name}_" if name == CONTROL else name


def broken(name: str, registration: Registration, cause: str, mend: str) -> Agent:
    """Make the row of a registration that is wrong."""
    return Agent(name=name, registration=registration, problem=Problem(cause, mend))


def _environment(name: str, install: InstallRow | None) -> EnvironmentSpec | None:
    """Return what a row installs; its folder is called like the row, as far as a folder can be."""
    if install is None:
        return None
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    folder = plain if re.match(r"[A-Za-z0-9]", plain) else f"row{plain}"
    return EnvironmentSpec(folder, install.pypi, install.npm, install.python)


def _missing_command(command: Command, registration: Registration, folder: Path | None) -> Problem | None:
    program = command.argv[0].replace("{folder}", str(folder or ""))
    if placeholders(program) or command.environment is not None or shutil.which(program):
        return None
    place = "cannot be found, or is not executable" if "/" in program else "is not on PATH"
    return Problem(f"the command {command.argv[0]!r} {place}", f"install it, or correct `argv` in {registration}")
