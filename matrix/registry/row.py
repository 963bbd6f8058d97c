"""What an owner may write into a row, key by key, and what is wrong with what does not fit together."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from matrix.model import OwnServers
from matrix.placeholders import placeholders, unknown_placeholder

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
WAYS = ("factory", "target", "module", "argv", "harness")
"""The ways to start an agent: imported here, by our harness for Python or Node, a command, a harness of the row's."""
_LISTED = ", ".join(f"`{name}`" for name in WAYS[:-1]) + f" or `{WAYS[-1]}`"
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
    """One registration: the way to start the agent (one of `WAYS`), and what the agent declares."""

    model_config = _STRICT
    # In this order: what a placeholder may be depends on the first two.
    install: InstallRow | None = None
    argv: tuple[str, ...] = ()
    harness: tuple[str, ...] = ()
    factory: ImportString | None = None
    target: ImportString | None = None
    module: str | None = None
    python: str | None = None
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

    @field_validator("harness")
    @classmethod
    def known_in_a_harness(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """What a harness is started with is known before there is a task."""
        if told := unknown_placeholder(value, ("bin", "folder")) or _without_install(value, info):
            raise ValueError(told)
        return value

    @field_validator("module")
    @classmethod
    def for_node(cls, module: str | None) -> str | None:
        """Node imports files."""
        if module is not None and not module.endswith((".mjs", ".js", ".cjs")):
            raise ValueError(f"{module!r} should be a file for Node, such as 'run.mjs'; Python's is `target`")
        return module

    @field_validator("argv", "env", "files")
    @classmethod
    def known_placeholders(cls, value: Any, info: ValidationInfo) -> Any:
        """A misspelt placeholder must not reach a program; the environment of an agent is taken as it is."""
        if info.field_name == "env" and not info.data.get("argv"):
            if meant := sorted(placeholders(value) & set(PLACEHOLDERS)):
                raise ValueError(f"has {{{meant[0]}}}, which is filled in for commands (`argv`) only")
            return value
        if told := unknown_placeholder(value, PLACEHOLDERS):
            raise ValueError(told)
        if told := _without_install(value, info):
            raise ValueError(told)
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
        """One way, with its own keys."""
        named = [name for name in WAYS if getattr(self, name)]
        if len(named) != 1:
            said = f"it has {' and '.join(f'`{name}`' for name in named)}" if named else "it has none"
            raise ValueError(f"name one way to start it, {_LISTED}; {said}")
        if not self.argv and self.files:
            raise ValueError("`files` are written for a command (`argv`) only, not for a `factory`")
        if self.factory and self.install:
            raise ValueError("`install` is for a command (`argv`) only: a `factory` is imported where the matrix runs")
        if self.argv and self.services:
            raise ValueError("`services` answer the calls of a `factory` or a `target` only: a command's are its own")
        if not (self.factory or self.target) and self.services:
            raise ValueError("`services` answer the calls of a `factory` or a `target` only: they are Python")
        for key in ("deps", "own_servers"):
            if not (self.factory or self.target) and key in self.model_fields_set:
                raise ValueError(f"`{key}` is for a `factory` or a `target` only: a command has its own")
        return self._with_an_interpreter()

    def _with_an_interpreter(self) -> AgentRow:
        """A target is imported by an interpreter of its own: that of `install`, or that which `python` names."""
        if self.python and not self.target:
            raise ValueError("`python` is the interpreter that imports a `target`; a row without `target` has none")
        if self.target and self.python and self.install:
            raise ValueError("`python` and `install` are two interpreters for one `target`; leave one of them out")
        if self.target and not (self.python or (self.install and self.install.pypi)):
            raise ValueError(
                "`target` needs an interpreter of its own, `python` or `[install] pypi`; "
                "a `factory` is imported where the matrix runs"
            )
        return self


def _without_install(value: Any, info: ValidationInfo) -> str | None:
    if info.data.get("install") is None and "bin" in placeholders(value):
        return "has {bin}, which is the folder of what `install` names, and the row has no `install`"
    return None
