"""The nouns of the matrix: frozen, typed, without I/O; everything else is built on them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from matrix.environment_spec import EnvironmentSpec
from matrix.harness_spec import Harness
from matrix.origin import Registration
from matrix.own_servers import OwnServers
from matrix.rule import Rule

CONTROL = "control"
"""The row that has no agent in it: where it is red, the column is our fault or the server's."""

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
STATEFUL = "2025-11-25"
STATELESS = "2026-07-28"
ANY_REVISION = "any"
"""The revision of cells with real servers: whatever the two of them negotiate."""
HOST_VARIABLE = "MATRIX_HOST_TOKEN"
"""A variable of every agent's process that no server is to be handed (`transport.env`)."""
SERVERS_JOINED_BY = "+"
"""What stands between the names of servers that one cell has attached together."""


def group_of(capability: str) -> str:
    """Return the group of a capability's id: `invoke` of `invoke.round-trip`."""
    return capability.partition(".")[0]


class Verdict(StrEnum):
    """What a cell came to; a closed set."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"
    ERRORED = "errored"
    FLAKY = "flaky"

    @property
    def is_agents_fault(self) -> bool:
        """Whether this verdict counts against the agent."""
        return self in {Verdict.FAILED, Verdict.TIMED_OUT, Verdict.FLAKY}


class Transport(StrEnum):
    """The ways to reach a server: stdio, streamable HTTP, or the older SSE."""

    STDIO = "stdio"
    HTTP = "http"
    SSE = "sse"


class ServerKind(StrEnum):
    """A stub shows one behaviour; a real server is one of the outside world."""

    STUB = "stub"
    REAL = "real"


class Severity(StrEnum):
    """How bad a red cell is: core, expected, or optional."""

    CORE = "core"
    EXPECTED = "expected"
    OPTIONAL = "optional"


_CELL = re.compile(rf"([^:]+)::([^:]+)::([^:\[]+)\[({'|'.join(Transport)}),([^\]]+)\]")


@dataclass(frozen=True)
class Probe:
    """A call of a tool whose answer is known: the result's text has to contain `contains`.

    The tool is one of a real server, or, as a row's `native`, one of the agent's own.
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    contains: str = ""


@dataclass(frozen=True)
class Command:
    """How a command row is started: placeholders are filled in for every run.

    `files` maps a path below the run's own HOME to its content. `environment` is installed on first use, for the
    row alone.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    environment: EnvironmentSpec | None = None


@dataclass(frozen=True)
class Problem:
    """What is wrong with a registration, and how to mend it."""

    cause: str
    mend: str

    def __str__(self) -> str:
        """Both in one line."""
        return f"{self.cause}; {self.mend}"


@dataclass(frozen=True)
class Agent:
    """A registered row: a name, how to start it, what it declares.

    `target` is an import string `package.module:attribute` (a pydantic-ai agent, a factory of one, or a callable
    that takes a task), loaded by the `harness` where there is one; `command` is the alternative.
    """

    name: str
    registration: Registration
    summary: str = ""
    target: str | None = None
    command: Command | None = None
    harness: Harness | None = None
    protocol: str = "openai-chat"
    model: str = "gpt-4.1-mini"
    services: str | None = None
    folder: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    live_keys: tuple[str, ...] = ()
    native: Probe | None = None
    deps: str | None = None
    """The import string of what a pydantic-ai agent is given as `deps`: a value, or a factory that every run calls."""
    own_servers: OwnServers = OwnServers.DROP
    unsupported: frozenset[str] = frozenset()
    problem: Problem | None = None

    @property
    def environment(self) -> EnvironmentSpec | None:
        """What is installed for it, into an environment of its own."""
        return next((each.environment for each in (self.command, self.harness) if each is not None), None)

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages of its environment."""
        return () if self.environment is None else self.environment.packages

    @property
    def unpinned(self) -> tuple[str, ...]:
        """The packages of its environment of which two machines may install two versions."""
        return () if self.environment is None else self.environment.unpinned

    @property
    def is_control(self) -> bool:
        """Whether this is the row without an agent."""
        return self.name == CONTROL


@dataclass(frozen=True)
class Server:
    """What is attached: a stub (one behaviour each) or a real server (with probes)."""

    name: str
    summary: str
    kind: ServerKind
    transports: tuple[Transport, ...] = tuple(Transport)
    revisions: tuple[str, ...] = REVISIONS
    unprobed: str | None = None
    """Why there is no call of a real server with a known answer, where there is none."""


@dataclass(frozen=True)
class Capability:
    """A column: one question; `title` is what a pass means in one sentence, `how` the way it is checked.

    `servers` names the stubs that are attached together; `real` asks the question of every real server instead.
    `failures` cites what users reported (repository#number), `rules` what the specification says. `needs` are other
    capabilities that it rests on: where one of them is red, a cell that only repeats that is not red once more.
    `deadline` is in seconds, for one cell, from the first that a witness sees of the agent, which may take `start_up`
    seconds; where `bounds_a_call`, it begins anew when a server has received a call. After `silence` seconds in which
    nothing moved it waits no longer.
    """

    id: str
    title: str
    how: str
    severity: Severity
    check: Callable[..., Any] = field(repr=False, compare=False)
    servers: tuple[str, ...] = ()
    transports: tuple[Transport, ...] = (Transport.STDIO, Transport.HTTP)
    revisions: tuple[str, ...] = (STATEFUL,)
    failures: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    needs: tuple[str, ...] = ()
    deadline: float = 120.0
    start_up: float = 120.0
    silence: float = 20.0
    bounds_a_call: bool = False
    real: bool = False
    probes: bool = False
    """Whether it asks real servers for answers that have to be known."""
    together: bool = False
    """Whether the cells of all agents have to be in flight at once."""
    alone: bool = False
    """Whether its agent is to have nothing else in flight in its process: the question is about that process."""
    shares_a_run: bool = False
    """Whether it asks the agent once, in turns that may stand beside those of other questions of the same servers."""
    retries: bool = False
    """Whether a call may reach its server more often than the model made it: the question is about that."""

    @property
    def group(self) -> str:
        """The part of the id before the dot."""
        return group_of(self.id)

    @property
    def longest(self) -> float:
        """The seconds after which a cell has ended, whatever the agent does."""
        return self.start_up + self.deadline * (2 if self.bounds_a_call else 1)


@dataclass(frozen=True, order=True)
class Cell:
    """One agent, one capability, one server (or several together) over one transport and revision."""

    agent: str
    capability: str
    servers: tuple[str, ...]
    transport: Transport
    revision: str

    @property
    def group(self) -> str:
        """The group of its capability."""
        return group_of(self.capability)

    @property
    def server(self) -> str:
        """The servers' names as an id has them, joined by `+`."""
        return SERVERS_JOINED_BY.join(self.servers)

    @property
    def where(self) -> str:
        """What is asked about: `server[transport,revision]`."""
        return f"{self.server}[{self.transport},{self.revision}]"

    @property
    def id(self) -> str:
        """`agent::capability::server[transport,revision]`."""
        return f"{self.agent}::{self.column}"

    @property
    def column(self) -> str:
        """The same question put to anybody: the id without the agent."""
        return f"{self.capability}::{self.where}"

    @property
    def slug(self) -> str:
        """The id as a file name: readable, and unique by its last eight characters."""
        readable = re.sub(r"[^A-Za-z0-9.+-]+", "_", self.id).strip("_")[:150]
        return f"{readable}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"

    def nonce(self, label: object = "") -> str:
        """Return a text that occurs nowhere else, the same in every run of this cell."""
        return "n" + hashlib.sha256(f"{self.id} {label}".encode()).hexdigest()[:10]

    def matches(self, pattern: str) -> bool:
        """Whether the pattern (with globs, brackets taken literally) is this cell's id."""
        return fnmatchcase(self.id, pattern.replace("[", "[[]"))

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Read an id back. Raises ValueError when the text is no cell id."""
        found = _CELL.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{text!r} is no cell id; one looks like agent::invoke.round-trip::server[http,2025-11-25]"
            )
        agent, capability, servers, transport, revision = found.groups()
        return cls(agent, capability, tuple(servers.split(SERVERS_JOINED_BY)), Transport(transport), revision)
