"""What every provider's wire protocol has in common.

A protocol reads the provider's request into a `ModelRequest` and renders a `Reply` back, whole or as a stream.
One renderer per protocol serves the scripted model in process and on loopback alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from matrix.lab.records import OfferedTool, ReplyCall, ShownResult


@dataclass(frozen=True)
class ModelRequest:
    """One request of an agent to its model, read from the wire.

    `asked` are all tool calls that the model has made in the conversation so far, by the names that the agent
    offered, and `results` all their results, each in order. `system` joins the system and developer texts;
    `user_text` joins the user's texts. `stream` says whether the agent asked for a stream.
    """

    model: str
    system: str
    user_text: str
    offered: tuple[OfferedTool, ...]
    results: tuple[ShownResult, ...]
    stream: bool
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict[str, Any])
    asked: tuple[ReplyCall, ...] = ()


@dataclass(frozen=True)
class Reply:
    """A turn to be rendered: text, or calls (several: made together)."""

    text: str | None = None
    calls: tuple[ReplyCall, ...] = ()


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

    def render_fault(self, status: int) -> WireResponse:
        """Render the provider's documented error body for this status."""
        ...

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Name every published rule on tool names and schemas that these tools break, a sentence each, sorted."""
        ...
