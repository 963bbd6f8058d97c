"""What the contract of the wire protocols needs of each provider: its SDK, its agent, its words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
from pydantic_ai import Agent

from matrix.lab.model.protocols.base import ReplyCall, WireProtocol

URL = "http://model.test"
BRIEF = "Be brief."
CALLS = (
    ReplyCall("call_a", "add", {"a": 1}),
    ReplyCall("call_b", "add", {"a": 2}),
    ReplyCall("call_c", "add", {"a": 3, "s": "ü\u2028"}),
)
"""The calls of one turn; the arguments of the last one are such as break careless line splitting."""
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "s": {"type": "string"}},
    "required": ["a"],
}
FUNCTION: Mapping[str, Any] = {"name": "add", "description": "Add two numbers."}


@dataclass(frozen=True)
class Said:
    """A turn as the provider's SDK has read it; `tokens` are those of the input, of the output and of both."""

    text: str | None
    calls: Sequence[tuple[str | None, str | None, Any]]
    ended: Any
    tokens: tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Fault:
    """An HTTP status, the exception that the SDK makes of it, and what its body calls it."""

    status: int
    error: type[Exception]
    kind: str


@dataclass(frozen=True)
class Refusal:
    """A body that the provider refuses, and our sentence for it; the path is the wire's own unless another is given."""

    body: Mapping[str, Any]
    sentence: str
    path: str | None = None


class Wire(ABC):
    """One provider's end of the contract."""

    protocol: ClassVar[WireProtocol]
    path: ClassVar[str]
    model: ClassVar[str]
    models: ClassVar[tuple[str, ...]]
    """The models whose agents show an image in ways of their own; `model` is one of them."""
    ended: ClassVar[tuple[Any, Any]]
    """How a turn ends, by the SDK: one of text, and one of calls."""
    flags: ClassVar[tuple[bool | None, bool | None]]
    """What `is_error` is for a result, and for an error, where the protocol can say so."""
    kinds: ClassVar[tuple[str, ...]]
    """The kinds of the parts of a result that is a text and an image."""
    faults: ClassVar[tuple[Fault, ...]]
    refused: ClassVar[tuple[Refusal, ...]]
    counts: ClassVar[bool] = True
    """Whether the provider counts tokens on request."""
    listed: ClassVar[tuple[str, str] | None] = None
    """The one model of the provider's list, and `model` by its full name; none where the list is another wire's."""

    @abstractmethod
    def agent(self, http: httpx2.AsyncClient, model: str) -> Agent[None, str]:
        """Return an agent that is told to be brief."""

    @abstractmethod
    async def ask(self, http: httpx2.AsyncClient) -> Said:
        """Say `hi` and `BRIEF` through the SDK, with the tool `add`."""

    @abstractmethod
    async def stream(self, http: httpx2.AsyncClient) -> Said:
        """Do the same, streamed."""

    @abstractmethod
    def kind_of_fault(self, error: Any) -> str:
        """Return what the body of a fault calls it."""

    def kind_of_part(self, part: Mapping[str, Any]) -> str:
        """Return the kind of a part of a result."""
        return part["type"]

    async def count(self, http: httpx2.AsyncClient) -> int | None:
        """Count the tokens of `hi` through the SDK."""
        raise NotImplementedError

    async def list(self, http: httpx2.AsyncClient) -> tuple[Sequence[str | None], str | None]:
        """Return the names of the models, and the full name of `model`, through the SDK."""
        raise NotImplementedError
