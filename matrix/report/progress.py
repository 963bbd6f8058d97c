"""Live progress: a line that changes on a terminal, a plain line per event elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from matrix.events import Finished, RunEvent, Started
from matrix.model import Cell
from matrix.outcome import Outcome
from matrix.planned import Plan
from matrix.redaction import printable
from matrix.report.pace import Pace, clock_time, in_words, slow
from matrix.report.summary import brief

TELL_SECONDS = 30.0
"""How often a log is told how long the run will take."""


class PlainProgress:
    """One line per event, for logs and pipes, and now and then how long it will take."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._count = Count(clock)
        self._told = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def note(self, text: str) -> None:
        """Say what is being waited for."""
        self._print(text)

    def planned(self, plan: Plan, done: int, expected: Mapping[str, float]) -> None:
        """Say how much there is to do."""
        self._count.begin(plan, done, expected)
        self._print(f"{_opening(plan)}{f', {done} kept from before' if done else ''}")

    def happened(self, event: RunEvent) -> None:
        """Say what a cell came to."""
        self._count.take(event)
        if not isinstance(event, Started):
            outcome = event.outcome
            known = " (known)" if outcome.expected else ""
            reason = f": {brief(outcome.reason)}" if outcome.reason else ""
            self._print(f"[{self._count}] {outcome.verdict.value}{known} {outcome.cell.id}{reason}")
        if self._clock() - self._told >= TELL_SECONDS:
            self._told = self._clock()
            self._tell_pace()

    def _tell_pace(self) -> None:
        pace = self._count.pace
        now = "; ".join(slow(pace, 2))
        told = ", ".join([f"[{self._count}] after {clock_time(pace.elapsed)}", *in_words(pace)])
        self._print(f"{told}{f'; slowest now: {now}' if now else ''}")

    def _print(self, text: str) -> None:
        self._console.print(Text(printable(text)), soft_wrap=True)


class LiveProgress:
    """Done, failing, how long still, running now; redrawn in place."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._count = Count(clock)
        self._note = ""
        # Last, because it draws the line at once.
        self._live = Live(console=console, refresh_per_second=8, transient=True, get_renderable=self._line)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """Show what is being waited for."""
        self._note = printable(text, inline=True)

    def planned(self, plan: Plan, done: int, expected: Mapping[str, float]) -> None:
        """Begin to count."""
        self._note = "starting workers"
        self._count.begin(plan, done, expected)
        self._console.print(Text(_opening(plan)))

    def happened(self, event: RunEvent) -> None:
        """Count, and remember what is running."""
        self._note = ""
        self._count.take(event)

    def _line(self) -> Text:
        count = self._count
        text = Text(f"{clock_time(self._clock() - self._began)}  ", style="dim", no_wrap=True, overflow="ellipsis")
        if count.all:
            text.append(f"{count} done", style="bold")
            text.append(f" · {count.failing} failing", style="red" if count.failing else "green")
            if count.known:
                text.append(f" · {count.known} known")
        if self._note:
            text.append(f"  {self._note}")
            return text
        for each in in_words(count.pace):
            text.append(f" · {each}")
        if now := ", ".join(slow(count.pace, 4)):
            text.append(f" · running {now}")
        return text


class Count:
    """How many cells have an outcome, each counted once, whatever becomes of it afterwards; and how many are red."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.pace = Pace(clock)
        self.all = 0
        self._kept = 0
        self._done: set[Cell] = set()
        self._red: dict[Cell, Outcome] = {}

    def begin(self, plan: Plan, kept: int, expected: Mapping[str, float]) -> None:
        """Begin to count the cells of a plan, of which some are kept."""
        self.all, self._kept = len(plan.cells), kept
        self.pace.expected = expected
        self.pace.begin(each.cell for each in plan.asked)

    def take(self, event: RunEvent) -> None:
        """Take in what happened."""
        if isinstance(event, Started):
            self.pace.started(event.cell)
            return
        outcome = event.outcome
        if isinstance(event, Finished):
            self._done.add(outcome.cell)
            self.pace.ended(outcome.cell)
        self._red.pop(outcome.cell, None)
        if outcome.is_red:
            self._red[outcome.cell] = outcome

    @property
    def known(self) -> int:
        """How many red cells the baseline expects."""
        return sum(1 for each in self._red.values() if each.expected)

    @property
    def failing(self) -> int:
        """How many red cells nobody expects."""
        return len(self._red) - self.known

    def __str__(self) -> str:
        """`done/all`."""
        return f"{self._kept + len(self._done)}/{self.all}"


def _opening(plan: Plan) -> str:
    columns = {each.cell.capability for each in plan.cells}
    return (
        f"{len(plan.cells)} cells: {len(plan.agents)} agents, {len(columns)} capabilities, "
        f"{len({name for each in plan.cells for name in each.cell.servers})} servers"
    )
