"""An instance of an agent in a cell, asked: how a run of it has to end, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matrix.adapters.base import Instance, WiresItself
from matrix.capabilities.verbs import Run, Unmet, Unsupported
from matrix.error_line import named_error
from matrix.lab.connection import trouble
from matrix.lab.script import Script, Turn
from matrix.lab.trace import Trace

Runner = Callable[[Instance, Mapping[str, Any], Script, Any], Awaitable[Run]]
"""Runs an instance with these servers on a script, with the history of the run before."""
_SHOWN_TOOLS = 8


@dataclass(frozen=True)
class AgentSession:
    """One instance of the agent in a cell."""

    run: Runner
    trace: Trace
    instance: Instance
    entries: Mapping[str, Any]

    async def attempt(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script, however it ends. Raises Unsupported where its model has to use tools otherwise."""
        run = await self.run(self.instance, self.entries, Script(turns), history)
        if run.hidden is not None:
            raise Unsupported(run.hidden)
        return run

    async def ask(self, *turns: Turn, history: Any = None) -> Run:
        """Run the agent on a script; it has to end well, with every tool of the script offered. Raises Unmet."""
        run = await self.attempt(*turns, history=history)
        calls = any(turn.calls for turn in turns)
        stopped = trouble(self.trace, tuple(self.entries)) if calls else None
        if run.error is not None:
            ended = run.error if run.explained else f"the run ended with {run.error}"
            raise Unmet(f"{stopped.why}; {ended}" if stopped is not None and stopped.refused else ended)
        if not calls or (run.offered and not run.missing):
            return run
        unwired = self._unwired() if run.exchanges else None
        if unwired is None and stopped is not None and (run.exchanges or stopped.refused):
            raise Unmet(
                f"{stopped.why}; {'the model was not offered its tools' if run.exchanges else _not_offered(run)}"
            )
        raise Unmet(f"{unwired or _not_offered(run)}{self._said()}")

    def _unwired(self) -> str | None:
        """Say that the agent was handed its servers and never reached one; None where it did, or was not."""
        trace = self.trace
        if not self.entries or trace.frames or trace.http or trace.processes:
            return None
        wiring = self.instance.wiring if isinstance(self.instance, WiresItself) else ""
        count = len(self.entries)
        servers = f"{count} server{'' if count == 1 else 's'}"
        return wiring.format(servers=servers) or None

    def _said(self) -> str:
        """Return the error that a command wrote to its standard error, though its exit code was 0."""
        runs = self.trace.runs
        error = named_error(runs[-1].stderr) if runs else None
        return f"; its standard error says: {error}" if error else ""


def _not_offered(run: Run) -> str:
    if run.missing:
        names = sorted(tool.name for tool in run.offered)
        shown = ", ".join(names[:_SHOWN_TOOLS]) + (", …" if len(names) > _SHOWN_TOOLS else "")
        in_vain = f"; {' and '.join(run.tried)}, asked for it, did not lead to it" if run.tried else ""
        return f"the tool {run.missing[0]} was not offered to the model, which was offered {shown or 'none'}{in_vain}"
    return "the model was offered no tools at all" if run.exchanges else "the agent asked no model at all"
