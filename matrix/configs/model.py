"""One MCP server's configuration: what every dialect is read into, what the store keeps, what the API speaks."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails

from matrix.errors import UsageError
from matrix.json_access import mapping, sequence
from matrix.tool_filter import ToolFilter

EVERY_AGENT = "*"
MAX_NAME = 255
MAX_DEPTH = 32
"""How deep a config may nest; JSON readers of others give up soon after."""

_STORED = {"stored": True}
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of surrogate pairs."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Text = Annotated[str, Field(min_length=1)]


class InvalidConfig(UsageError):
    """A server's configuration that cannot be what it says: which server, where in it, and what is wrong."""

    def __init__(self, name: str, where: str, problem: str) -> None:
        self.name = name
        self.where = where
        self.problem = problem
        super().__init__(": ".join(part for part in (f"the server {name!r}", where, problem) if part))


class ToolSelection(BaseModel):
    """Which of a server's tools an agent gets, as a config says it; `matrix.tool_filter` has the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    include: list[Text] | None = None
    exclude: list[Text] = []

    @field_validator("include", "exclude")
    @classmethod
    def _only_patterns(cls, patterns: list[str] | None) -> list[str] | None:
        ToolFilter(exclude=tuple(patterns or ()))  # says what is wrong with one
        return patterns

    @property
    def filter(self) -> ToolFilter:
        """The filter that decides."""
        return ToolFilter(None if self.include is None else tuple(self.include), tuple(self.exclude))

    def allows(self, tool: str) -> bool:
        """Whether the agent is to have this tool."""
        return self.filter.allows(tool)


class ServerConfig(BaseModel):
    """An MCP server: how it is started or reached, which agents have it, and with which of its tools.

    `server_type` is `stdio` (then `command`) or `http` (then `url`; `transport` says `sse` where it is that).
    `agents` are exact names, or `*` for everyone; an empty list is nobody. `timeout` is in milliseconds. Keys that
    this model does not know are kept. `legacy` holds what only the old tables had a place for.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    server_type: Literal["stdio", "http"]
    command: Annotated[list[str], Field(min_length=1)] | None = None
    cwd: str | None = None
    url: Text | None = None
    transport: Literal["http", "sse"] | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    environment: dict[str, str] = Field(default_factory=dict[str, str])
    agents: list[Text] = Field(default_factory=list[Text])
    tools: ToolSelection | None = None
    timeout: Annotated[int, Field(ge=0)] = 30_000
    retry_count: Annotated[int, Field(ge=0)] = 3
    enabled: bool = True
    auto_start: bool = True
    description: str | None = None
    tags: list[Any] = Field(default_factory=list[Any])
    priority: int = 0
    legacy: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any, info: ValidationInfo) -> Any:
        for path, problem in () if info.context is _STORED else unstorable(data):
            raise ValueError(f"{path or 'the config'} {problem}")
        return data

    @field_validator("name")
    @classmethod
    def _printable_name(cls, name: str) -> str:
        if name != name.strip() or _UNPRINTABLE.search(name):
            raise ValueError("has control characters, or white space at an end")
        return name

    @field_validator("agents", mode="before")
    @classmethod
    def _everyone_as_a_list(cls, agents: Any) -> Any:
        return [EVERY_AGENT] if agents == EVERY_AGENT else agents

    @field_validator("command")
    @classmethod
    def _named_program(cls, command: list[str] | None) -> list[str] | None:
        if command and not command[0].strip():
            raise ValueError("has an empty program")
        return command

    @model_validator(mode="after")
    def _startable(self) -> Self:
        if self.server_type == "stdio" and not self.command:
            raise ValueError("a stdio server needs a command")
        if self.server_type == "http" and not self.url:
            raise ValueError("an http server needs a url")
        return self

    @classmethod
    def read(cls, data: Mapping[str, Any], *, stored: bool = False) -> ServerConfig:
        """Read one config; one that is `stored` is not asked again whether a database can hold it.

        Raises InvalidConfig: which server, where, and what is wrong, in one sentence.
        """
        try:
            return cls.model_validate(dict(data), context=_STORED if stored else None)
        except ValidationError as error:
            name = data.get("name")
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            shown = name if isinstance(name, str) and name.isprintable() else "?"
            raise InvalidConfig(shown[:64], where, what_is_wrong(first)) from None

    def to_json(self) -> dict[str, Any]:
        """Return the config as the store keeps it: what is absent is left out, defaults that matter are spelled out."""
        kept = self.model_dump(mode="json", exclude_none=True)
        return {key: value for key, value in kept.items() if value not in ({}, []) or key in {"agents", "tools"}}

    def is_for(self, agent: str) -> bool:
        """Whether the agent has this server; names are compared exactly."""
        return agent in self.agents or EVERY_AGENT in self.agents


def what_is_wrong(error: ErrorDetails) -> str:
    """Return an error of pydantic's in one sentence: our own validators' words as they wrote them."""
    ours = error.get("ctx", {}).get("error")
    return str(ours) if isinstance(ours, ValueError) else error["msg"]


def canonical(data: Any) -> str:
    """Return JSON that is the same text for the same value."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint(data: Any) -> str:
    """Return a short hash of a JSON value."""
    return hashlib.sha256(canonical(data).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every scalar of a JSON value with its path; without recursion, however deep the value is."""
    pending: list[tuple[tuple[str, ...], Any]] = [(path, value)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, Mapping):
            pending += [((*path, str(key)), each) for key, each in mapping(cast("object", value)).items()]
        elif isinstance(value, list | tuple):
            items = sequence(cast("object", value))
            pending += [((*path, str(number)), each) for number, each in enumerate(items)]
        else:
            yield path, value


def unstorable(value: Any) -> Iterator[tuple[str, str]]:
    """Yield what PostgreSQL's jsonb or UTF-8 cannot hold: where, and why; the same on every database."""
    pending: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while pending:
        path, each = pending.pop()
        if len(path) > MAX_DEPTH:
            yield ".".join(path[:3]) + "…", f"nests deeper than {MAX_DEPTH} levels"
            return
        if isinstance(each, Mapping):
            for key, inner in mapping(cast("object", each)).items():
                pending += [((*path, "a key"), str(key)), ((*path, str(key)), inner)]
        elif isinstance(each, list | tuple):
            pending += [((*path, str(number)), one) for number, one in enumerate(sequence(cast("object", each)))]
        elif isinstance(each, float) and not math.isfinite(each):
            yield ".".join(path), "is a number that JSON has no way to write"
        elif isinstance(each, str) and _UNSTORABLE.search(each):
            yield ".".join(path), "has a NUL character or half of a surrogate pair, which no database keeps"
