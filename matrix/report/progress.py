"""Live progress: a line that changes on a terminal, a plain line per event elsewhere."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from matrix.events import Finished, RunEvent, Started
from matrix.model import Cell
from matrix.outcome import Outcome
from matrix.planned import Plan
from matrix.redaction import printable
from matrix.report.summary import brief


class PlainProgress:
    """One line per event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done = 0
        self._all = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def note(self, text: str) -> None:
        """Say what is being waited for."""
        self._print(text)

    def planned(self, plan: Plan, done: int) -> None:
        """Say how much there is to do."""
        self._all, self._done = len(plan.cells), done
        self._print(f"{_opening(plan)}{f', {done} kept from before' if done else ''}")

    def happened(self, event: RunEvent) -> None:
        """Say what a cell came to."""
        if isinstance(event, Started):
            return
        self._done += isinstance(event, Finished)
        outcome = event.outcome
        known = " (known)" if outcome.expected else ""
        reason = f": {brief(outcome.reason)}" if outcome.reason else ""
        self._print(f"[{self._done}/{self._all}] {outcome.verdict.value}{known} {outcome.cell.id}{reason}")

    def _print(self, text: str) -> None:
        self._console.print(Text(printable(text)), soft_wrap=True)


class LiveProgress:
    """Done, failing, running now, time; redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._running: dict[Cell, None] = {}
        self._red: dict[Cell, Outcome] = {}
        self._done = self._all = 0
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

    def planned(self, plan: Plan, done: int) -> None:
        """Begin to count."""
        self._note = "starting workers"
        self._all, self._done = len(plan.cells), done
        self._console.print(Text(_opening(plan)))

    def happened(self, event: RunEvent) -> None:
        """Count, and remember what is running."""
        self._note = ""
        if isinstance(event, Started):
            self._running[event.cell] = None
            return
        outcome = event.outcome
        self._running.pop(outcome.cell, None)
        self._done += isinstance(event, Finished)
        if outcome.is_red:
            self._red[outcome.cell] = outcome

    def _line(self) -> Text:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        text = Text(f"{minutes}:{seconds:02d}  ", style="dim", no_wrap=True, overflow="ellipsis")
        if self._all:
            text.append(f"{self._done}/{self._all} done", style="bold")
            known = sum(1 for each in self._red.values() if each.expected)
            failing = len(self._red) - known
            text.append(f" · {failing} failing", style="red" if failing else "green")
            if known:
                text.append(f" · {known} known")
        if self._note:
            text.append(f"  {self._note}")
        elif self._running:
            now = ", ".join(f"{cell.agent} {cell.capability}[{cell.transport}]" for cell in list(self._running)[:4])
            text.append(f" · running {now}")
        return text


def _opening(plan: Plan) -> str:
    columns = {each.cell.capability for each in plan.cells}
    return (
        f"{len(plan.cells)} cells: {len(plan.agents)} agents, {len(columns)} capabilities, "
        f"{len({name for each in plan.cells for name in each.cell.servers})} servers"
    )
