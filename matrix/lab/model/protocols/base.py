"""What every provider's wire protocol has in common.

A protocol reads the provider's request into a `ModelRequest` and renders a `Reply` back, whole or as a stream.
One renderer per protocol serves the scripted model in process and on loopback alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from matrix.lab.records import OfferedTool, ReplyCall, ShownResult

_CHARACTERS_PER_TOKEN = 4


class Refused(ValueError):
    """A request that the provider answers with 400; the text is its message, `param` and `code` as OpenAI has them."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class Calling(StrEnum):
    """Whether the model may call tools in its next turn."""

    NONE = "none"
    MAY = "may"
    MUST = "must"


@dataclass(frozen=True)
class ToolChoice:
    """What the agent lets its model call: only the tools named in `allowed` (None: all), one a turn or several.

    One tool that is forced is `MUST` with this one allowed.
    """

    calling: Calling = Calling.MAY
    allowed: frozenset[str] | None = None
    parallel: bool = True

    def permits(self, name: str) -> bool:
        """Whether the model may call the tool of this name now."""
        return self.calling is not Calling.NONE and (self.allowed is None or name in self.allowed)


@dataclass(frozen=True)
class AnswerFormat:
    """What a text of the model has to be: an instance of the schema, as JSON, or `bare` (a text that is in an enum)."""

    schema: Mapping[str, Any]
    bare: bool = False


@dataclass(frozen=True)
class Limits:
    """What bounds the answer: its tokens, texts that end it, and how many alternatives are asked for."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    alternatives: int = 1


@dataclass(frozen=True)
class ModelRequest:
    """One request of an agent to its model, read from the wire.

    `asked` are all tool calls that the model has made in the conversation so far, by the names that the agent
    offered, and `results` all their results, each in order. `system` joins the system and developer texts;
    `user_text` joins the user's texts. `stream` says whether the agent asked for a stream. `answer` is None where a
    text of the model may be any.
    """

    model: str
    system: str
    user_text: str
    offered: tuple[OfferedTool, ...]
    results: tuple[ShownResult, ...]
    stream: bool
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict[str, Any])
    asked: tuple[ReplyCall, ...] = ()
    choice: ToolChoice = ToolChoice()
    answer: AnswerFormat | None = None
    limits: Limits = Limits()


class Ended(StrEnum):
    """Why a reply ends where it does."""

    BY_ITSELF = "by-itself"
    AT_MAX_TOKENS = "at-max-tokens"
    AT_STOP = "at-stop"


@dataclass(frozen=True)
class Reply:
    """A turn to be rendered: text, or calls (several: made together); `stopped_by` is the stop text that ended it."""

    text: str | None = None
    calls: tuple[ReplyCall, ...] = ()
    ended: Ended = Ended.BY_ITSELF
    stopped_by: str | None = None

    def within(self, limits: Limits) -> Reply:
        """Return the reply as these limits leave it. Calls are never cut.

        A token is taken for four characters, as OpenAI's guide to tokens counts English text.
        """
        if self.calls or not self.text:
            return self
        places = {self.text.find(each): each for each in limits.stop if each and each in self.text}
        text = self.text[: min(places)] if places else self.text
        longest = None if limits.max_tokens is None else limits.max_tokens * _CHARACTERS_PER_TOKEN
        if longest is not None and len(text) > longest:
            return Reply(text[:longest], ended=Ended.AT_MAX_TOKENS)
        return Reply(text, ended=Ended.AT_STOP, stopped_by=places[min(places)]) if places else self


@dataclass(frozen=True)
class WireResponse:
    """An HTTP response: `chunks` is the body, in one piece, or one per server-sent event of a stream."""

    status: int
    content_type: str
    chunks: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)


class WireProtocol(Protocol):
    """One provider's wire format."""

    name: str
    """As in the task contract: `openai-chat`, `openai-responses`, `anthropic` or `google`."""

    def matches(self, path: str) -> bool:
        """Whether an HTTP POST to this URL path is a model request of this protocol."""
        ...

    def side_answer(self, path: str, body: Mapping[str, Any]) -> WireResponse | None:
        """Answer a side request of this provider that is no model turn (`countTokens`, `/models`), else None."""
        ...

    def parse(self, path: str, body: Mapping[str, Any]) -> ModelRequest:
        """Read a request. Raises ValueError, in one sentence, on a body that the provider would refuse."""
        ...

    def render(self, request: ModelRequest, reply: Reply, *, response_id: str) -> WireResponse:
        """Render a turn, streamed where the request asked for it. Deterministic: no clock, no random ids."""
        ...

    def render_fault(self, status: int, problem: ValueError | None = None) -> WireResponse:
        """Render the provider's documented error body for this status, with the problem's message, if any."""
        ...

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Name every published rule on tool names and schemas that these tools break, a sentence each, sorted."""
        ...
