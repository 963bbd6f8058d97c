"""What the three witnesses of a cell record, one frozen record a happening; times are seconds since the cell began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from matrix.lab.script import Turn


class Direction(StrEnum):
    """Which way a message goes, as its server sees it."""

    IN = "in"
    OUT = "out"


class ProcessEventKind(StrEnum):
    """What is told of a server's process; noise is a line on its stdout that is no JSON."""

    STARTED = "started"
    ENDED = "ended"
    STDERR = "stderr"
    NOISE = "noise"


class NoteKind(StrEnum):
    """What a note is about; advice is what the specification recommends, and the agent did not do."""

    LAB_FAULT = "lab-fault"
    SERVER_FAULT = "server-fault"
    MODEL_REQUEST = "model-request"
    LEFTOVER = "leftover"
    ADVICE = "advice"
    """What is allowed, and better done otherwise; a green cell says it."""

    @property
    def is_fault(self) -> bool:
        """Whether it makes a red cell our fault, or the server's: no agent's."""
        return self in {NoteKind.LAB_FAULT, NoteKind.SERVER_FAULT}


class Hidden(StrEnum):
    """How an agent has its model use tools in another way than by offering them and showing results, as a sentence."""

    HOSTED = "the tools are of type mcp, which the provider calls; nothing of it runs here"
    IN_THE_PROMPT = "no native tool calls: the tools stand in the system prompt"
    RESULTS_IN_TEXTS = "no native tool results: the model is told them in the user's texts"
    FUNCTIONS = "the tools are `functions`, which OpenAI replaced by `tools`; only these are played"


@dataclass(frozen=True)
class Note:
    """Something that happened and is no record of a witness; `text` is a sentence for people."""

    kind: NoteKind
    text: str


@dataclass(frozen=True)
class Frame:
    """One JSON-RPC message between a client and a server, in one session of theirs."""

    at: float
    server: str
    session: str
    direction: Direction
    message: Mapping[str, Any]


@dataclass(frozen=True)
class HttpExchange:
    """One HTTP request to an MCP server and the head of its response."""

    at: float
    server: str
    method: str
    path: str
    headers: Mapping[str, str]
    status: int
    rpc_method: str | None = None


@dataclass(frozen=True)
class ProcessEvent:
    """A stdio server's process has started (in the folder `cwd`, with the variables `env`), ended, or written a line.

    `detail` is the exit code of one that has ended, where it is known, or what was written.
    """

    at: float
    server: str
    session: str
    event: ProcessEventKind
    pid: int | None = None
    detail: str = ""
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True)
class OfferedTool:
    """A tool as the agent offered it to the model; `schema` is plain JSON Schema, `raw` what was really sent.

    `raw` is empty for a tool that only the result of a search has shown.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class ShownResult:
    """The result of one tool call as the model was shown it.

    `text` joins the textual parts with newlines; `parts` holds every part as the provider's JSON had it (images
    too); `is_error` is True or False where the protocol says so, else None.
    """

    call_id: str
    text: str
    parts: tuple[Mapping[str, Any], ...] = ()
    is_error: bool | None = None


@dataclass(frozen=True)
class ReplyCall:
    """A tool call, to be rendered or read: its id, the name that the agent offered, the arguments."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ModelExchange:
    """One request to the model and what it was answered; `run` counts the runs of a cell from 0.

    `asked` are the calls of the conversation before it, `found` the tools that a search of the agent's own has shown
    in it. `reply` is None where the answer was not seen: a live model's
    calls are known from the next request only.
    """

    at: float
    run: int
    protocol: str
    system: str
    user_text: str
    offered: tuple[OfferedTool, ...]
    shown: tuple[ShownResult, ...]
    reply: Turn | None
    names: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()
    note: str = ""
    asked: tuple[ReplyCall, ...] = ()
    found: tuple[OfferedTool, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """The agent's own word: what a run returned or raised."""

    at: float
    run: int
    prompt: str
    answer: str | None = None
    error: str | None = None
    stderr: str = ""
    """What a command wrote to standard error, however it ended."""


@dataclass(frozen=True)
class ServerCall:
    """One `tools/call` as a server saw it; `result` or `error` is what it answered, None while it is open.

    `arguments` are an empty object where the request had none; `params` is what it really said.
    """

    server: str
    session: str
    tool: str
    arguments: Mapping[str, Any]
    started: float
    ended: float | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
