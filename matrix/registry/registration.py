"""Registrations: what an owner writes to become a row, read into `Agent`.

A registration that cannot be read becomes a row too, with the cause and its mend; it never hides the others.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matrix.errors import ConfigurationError
from matrix.harness_spec import Harness, HarnessKind
from matrix.model import (
    CONTROL,
    Agent,
    Command,
    EnvironmentSpec,
    Probe,
    Problem,
)
from matrix.origin import Registration
from matrix.placeholders import placeholders
from matrix.registry.row import AgentRow, InstallRow
from matrix.toml_file import first_fault, read_toml


def from_toml(path: Path, name: str, registration: Registration, root: Path | None = None) -> Agent:
    """Read a row from a TOML file; a file that cannot be read is a row with a problem.

    A factory is imported from `root`; what a process of its own is started with stands beside the TOML file.
    """
    try:
        data = read_toml(path)
    except ConfigurationError as problem:
        cause = ": ".join(part for part in (problem.place, problem.mend) if part)
        return broken(name, registration, cause, f"correct {path}")
    folder = root if "factory" in data else path.parent.resolve()
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
        target=row.factory or row.target or row.module,
        command=command,
        harness=None if command is not None or row.factory else _harness(name, row, folder),
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
        problem=_missing_command(command, registration, folder)
        if command is not None
        else _missing_interpreter(row, registration, folder),
    )


def from_import_string(text: str, name: str, registration: Registration, folder: Path | None = None) -> Agent:
    """Make a row of `package.module:attribute`, imported here, or by the interpreter that its registration names."""
    python = registration.python
    row = {"factory": text} if python is None else {"target": text, "python": python}
    return from_mapping(row, name, registration, folder)


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


def _harness(name: str, row: AgentRow, folder: Path | None) -> Harness:
    environment = _environment(name, row.install)
    if row.harness:
        return Harness(HarnessKind.OWN, row.harness, environment)
    if row.module:
        return Harness(HarnessKind.NODE, ("node",), environment)
    python = "{bin}/python" if row.python is None else str(_interpreter(row.python, folder))
    return Harness(HarnessKind.PYTHON, (python,), environment)


def _interpreter(python: str, folder: Path | None) -> Path:
    """Return where an interpreter is; links are not followed, for a virtual environment's is one."""
    return Path(folder or "", Path(python).expanduser()).absolute()


def _missing_interpreter(row: AgentRow, registration: Registration, folder: Path | None) -> Problem | None:
    """Say what is not there of what a harness is started with; nothing is missing that will be installed."""
    if row.python and shutil.which(str(_interpreter(row.python, folder))) is None:
        cause = f"the interpreter {row.python!r} cannot be found in {folder}, or is not executable"
        return Problem(cause, f"correct `python` in {registration}")
    if row.module and not Path(folder or "", row.module).is_file():
        return Problem(f"there is no file {row.module!r} in {folder}", f"correct `module` in {registration}")
    if row.module and row.install is None and shutil.which("node") is None:
        return Problem("Node.js cannot be found on PATH", "install it, or name an npm package in `install`")
    return None


def _missing_command(command: Command, registration: Registration, folder: Path | None) -> Problem | None:
    program = command.argv[0].replace("{folder}", str(folder or ""))
    if placeholders(program) or command.environment is not None or shutil.which(program):
        return None
    place = "cannot be found, or is not executable" if "/" in program else "is not on PATH"
    return Problem(f"the command {command.argv[0]!r} {place}", f"install it, or correct `argv` in {registration}")
