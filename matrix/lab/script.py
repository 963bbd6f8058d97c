"""Scripts: what the scripted model will play, turn by turn.

A script is pure data. It names tools by the *server's* name; the scripted model finds each among the
tools that the agent offered, under whatever name the agent gave it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Gate:
    """An event that any thread may open and any event loop may wait for.

    Capabilities order what happens with gates, never with sleeps: a turn that is held behind a gate is
    answered only once the capability, or another run of it, has opened the gate.
    """

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        """Let everyone through who waits, and everyone after them."""
        if not self._opened.done():
            self._opened.set_result(None)

    async def wait(self) -> None:
        """Return once the gate is open."""
        # Shielded: a cancelled waiter must not cancel the future that the others wait for.
        await asyncio.shield(asyncio.wrap_future(self._opened))


@dataclass(frozen=True)
class Call:
    """One tool call that the model asks for.

    `tool` is the server's name of the tool; `server` narrows it to one server where two have the same name.
    `literal` asks for exactly that name, whether it was offered or not.
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    server: str | None = None
    literal: bool = False

    @property
    def label(self) -> str:
        """The tool's name, after that of its server where the call names one."""
        return self.tool if self.server is None else f"{self.server}/{self.tool}"


@dataclass(frozen=True)
class ProviderFault:
    """What the provider answers instead of a turn: an HTTP `status` (429, 500), or a body that is no JSON."""

    status: int = 500
    malformed: bool = False


class Aside(StrEnum):
    """What a call is for that is none of the script's, and leads to one that is."""

    SEARCH = "search"
    DELEGATE = "delegate"


@dataclass(frozen=True)
class Turn:
    """One answer of the model: text, or calls made together, or a provider's fault; held back by `gate`.

    `reached` is opened when the agent's request for this turn has arrived. Calls `at_once` are asked for in one turn or
    not at all; the others come one a turn where the agent asks its model for that. One with an `aside` is none of the
    script's: it is played where a tool of the script is not offered, but may be reached.
    """

    calls: tuple[Call, ...] = ()
    text: str | None = None
    fault: ProviderFault | None = None
    gate: Gate | None = None
    reached: Gate | None = None
    at_once: bool = False
    aside: Aside | None = None

    def behind(self, gate: Gate) -> Turn:
        """Return the same turn, answered only once the gate is open."""
        return replace(self, gate=gate)

    def announcing(self, reached: Gate) -> Turn:
        """Return the same turn, which opens `reached` as soon as the agent asks for it."""
        return replace(self, reached=reached)


@dataclass(frozen=True)
class Script:
    """The turns of one run, in order; after the last one the model says `done`."""

    turns: tuple[Turn, ...]

    def prompt(self) -> str:
        """Put the script into words, so that a live model (`--live`) can follow it too."""
        steps = [line for turn in self.turns for line in _in_words(turn)]
        return "\n".join([*steps, "Then answer with what the tools returned, word for word."])


def call(tool: str, *, on: str | None = None, **arguments: Any) -> Turn:
    """Call one tool, by the server's name of it; `on` names the server where several have such a tool."""
    return Turn(calls=(Call(tool, arguments, on),))


def call_with(tool: str, arguments: Mapping[str, Any], *, on: str | None = None) -> Turn:
    """Call one tool with arguments whose names are no Python identifiers."""
    return Turn(calls=(Call(tool, dict(arguments), on),))


def call_unknown(name: str, **arguments: Any) -> Turn:
    """Call a tool by exactly this name, although nobody offered it."""
    return Turn(calls=(Call(name, arguments, literal=True),))


def together(*turns: Turn) -> Turn:
    """Make the calls of these turns in a single one."""
    return Turn(calls=tuple(one for turn in turns for one in turn.calls))


def at_once(*turns: Turn) -> Turn:
    """Make the calls of these turns in a single one, for a question that has no sense where they come one by one."""
    return replace(together(*turns), at_once=True)


def say(text: str) -> Turn:
    """End the run with a text."""
    return Turn(text=text)


def fault(status: int = 500, *, malformed: bool = False) -> Turn:
    """Answer as a provider in trouble does."""
    return Turn(fault=ProviderFault(status, malformed))


def _in_words(turn: Turn) -> list[str]:
    if len(turn.calls) > 1:
        return ["Call these tools together, in one turn:", *(f"- {_one(each)}" for each in turn.calls)]
    return [f"Call {_one(each)}." for each in turn.calls]


def _one(each: Call) -> str:
    where = f" of the server `{each.server}`" if each.server else ""
    arguments = json.dumps(dict(each.arguments), ensure_ascii=False, sort_keys=True)
    return f"the tool `{each.tool}`{where} with the arguments {arguments}"
