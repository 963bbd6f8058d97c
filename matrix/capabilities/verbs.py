"""What a capability is written with: `cell.ask`, `expect`, and what a run and its trace tell.

A capability has no `assert`: an agent's own AssertionError must not become a verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from matrix.lab.model.finding import markers
from matrix.lab.model.meta_tools import MetaTool
from matrix.lab.records import Hidden, ModelExchange, OfferedTool, ShownResult
from matrix.lab.script import Aside, Turn
from matrix.lab.trace import Trace
from matrix.model import Probe, Transport
from matrix.rule import Rule
from matrix.symptom import Symptom

T = TypeVar("T")


class Unmet(Exception):
    """An expectation was not met; the text is the verdict's reason, one sentence, and `rule` what it breaks.

    `symptom` is set where it shows in other questions as well.
    """

    def __init__(self, reason: str, rule: Rule | None = None, symptom: Symptom | None = None) -> None:
        super().__init__(reason)
        self.rule = rule
        self.symptom = symptom


class Unsupported(Exception):
    """The agent was probed and has no such feature; the text says how that showed."""


def expect(condition: object, reason: str, rule: Rule | None = None, symptom: Symptom | None = None) -> None:
    """Raise Unmet with this reason unless the condition holds.

    `rule` is the specification's, where it has one; `symptom` what shows in other questions as well.
    """
    if not condition:
        raise Unmet(reason, rule, symptom)


@dataclass(frozen=True)
class Run:
    """One run of the agent, seen by the model and by its own word.

    `answer` or `error` is what the agent returned or raised (`explained` where the error is a sentence with its mend
    already); `missing` are tools that the script asked for and the agent had not offered, `tried` the agent's own tools
    that did not lead to them, and `hidden` how the agent has its model use tools without offering them.
    """

    index: int
    answer: str | None
    error: str | None
    missing: tuple[str, ...]
    exchanges: tuple[ModelExchange, ...]
    history: Any = None
    tried: tuple[str, ...] = ()
    hidden: Hidden | None = None
    explained: bool = False

    @property
    def offered(self) -> tuple[OfferedTool, ...]:
        """The tools of the last request that offered any, and those that a search of the agent's own has shown.

        Where the task was handed to a delegate, the last request is meant that was answered by calls of the script.
        """
        offering = [each for each in self.exchanges if each.offered]
        if self.asides:
            played = [each for each in offering if each.reply and each.reply.calls and not each.reply.aside]
            offering = played or offering
        found = self.exchanges[-1].found if self.exchanges else ()
        return (*(offering[-1].offered if offering else ()), *found)

    @property
    def asides(self) -> Mapping[str, Aside]:
        """The agent's own tools that were called to reach those of the script, and what for."""
        replies = [(each.reply.aside, each.names) for each in self.exchanges if each.reply is not None]
        return {name: aside for aside, names in replies if aside is not None for name in names}

    @property
    def search(self) -> str | None:
        """The agent's own search for tools, where it was called to reach those of the script."""
        return next((name for name, aside in self.asides.items() if aside is Aside.SEARCH), None)

    @property
    def caller(self) -> str | None:
        """The agent's own tool by which those of the script were called, where it has such a one."""
        called = {name for exchange in self.exchanges for name in exchange.names}
        metas = (MetaTool(each) for each in self.offered if each.name in called and not markers(each))
        return next((each.name for each in metas if each.calls or each.actions), None)

    @property
    def system(self) -> str:
        """The system text of the last request."""
        return self.exchanges[-1].system if self.exchanges else ""

    def shown(self, tool: str | None = None, *, on: str | None = None) -> list[ShownResult | None]:
        """Return what the model was shown for each call of the tool, in the script's order; None: nothing."""
        found: dict[str, ShownResult] = {}
        for exchange in self.exchanges:
            for each in exchange.shown:
                # What was shown first counts: an agent may clear the results of earlier turns.
                found.setdefault(each.call_id, each)
        return [
            found.get(call_id)
            for exchange in self.exchanges
            if exchange.reply is not None and exchange.reply.aside is None
            for wanted, call_id in zip(exchange.reply.calls, exchange.call_ids, strict=False)
            if (tool is None or wanted.tool == tool) and (on is None or wanted.server == on)
        ]

    def results(self, tool: str | None = None, *, on: str | None = None) -> list[str]:
        """Return the texts that the model was shown for the calls of the tool, in the script's order."""
        return [each.text for each in self.shown(tool, on=on) if each is not None]

    def result(self, tool: str, *, on: str | None = None) -> str:
        """Return the text of the tool's only call. Raises Unmet when the model was shown none."""
        texts = self.results(tool, on=on)
        expect(texts, f"the model was never shown the result of {tool}")
        return texts[0]


class Beat(Protocol):
    """How long the agents of a cell have held the event loop that they run on."""

    @property
    def longest(self) -> float:
        """The longest time, in seconds, for which blocking calls let nothing else happen."""
        ...


class Asking(Protocol):
    """An agent that can be asked."""

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on this script. Raises Unmet when the run failed or a tool was not offered."""
        ...

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on this script and return however it ended."""
        ...


class CellVerbs(Asking, Protocol):
    """A cell in progress, as a capability sees it."""

    @property
    def trace(self) -> Trace:
        """What the witnesses have recorded so far."""
        ...

    @property
    def servers(self) -> tuple[str, ...]:
        """The names under which the servers are attached, in the capability's order."""
        ...

    @property
    def revision(self) -> str:
        """The revision that the servers speak."""
        ...

    @property
    def transport(self) -> Transport:
        """The way in which the servers are reached."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers that were configured for the servers."""
        ...

    @property
    def entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The servers as they were declared to the agent, by name, in the `mcpServers` form."""
        ...

    @property
    def native(self) -> Probe | None:
        """One of the agent's own tools, as its row declares it."""
        ...

    @property
    def is_command(self) -> bool:
        """Whether each run of the agent is a process of its own."""
        ...

    @property
    def group_size(self) -> int:
        """How many agents of this run use the server together (`concurrency.all-agents`)."""
        ...

    def nonce(self, label: object = "") -> str:
        """Return a text that occurs nowhere else; the same in every run of this cell."""
        ...

    def probes(self, label: object = "") -> Sequence[Probe]:
        """Return the real server's probes, each `{token}` replaced by a nonce."""
        ...

    async def another(self, *, with_servers: bool = True) -> Asking:
        """Make a second instance of the agent, on the same servers or on none."""
        ...

    async def gather(self, *runs: Awaitable[T]) -> list[T]:
        """Await these together; the first failure ends the cell."""
        ...

    async def retire(self) -> None:
        """Close what the owner gave a way to close (`close()`, `aclose()`). Raises Unmet where that fails."""
        ...

    def beat(self) -> AbstractContextManager[Beat]:
        """Measure how long the event loop is held by what runs on it."""
        ...

    async def leftovers(self, seconds: float) -> Sequence[str]:
        """Return the names of the processes that the runs' own commands left, and that do not end in time."""
        ...

    def violations(self, offered: Sequence[OfferedTool]) -> list[str]:
        """Return the rules of the agent's provider that these tools break."""
        ...
