"""Agents that are any callable: a task in, its answer out; sync ones run in a thread."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, cast

import anyio.to_thread

from matrix.adapters.base import Answer, Task


class CallableInstance:
    """An agent that is a function `(task) -> str`, or `-> (text, history)`; async or sync."""

    def __init__(self, function: Callable[[Task], Any]) -> None:
        self._function = function

    async def ask(self, task: Task) -> Answer:
        """Call the function. Raises TypeError when it returns neither a text nor a text with a history."""
        if inspect.iscoroutinefunction(self._function) or inspect.iscoroutinefunction(
            getattr(self._function, "__call__", None)  # noqa: B004
        ):
            returned = await self._function(task)
        else:
            returned = await anyio.to_thread.run_sync(self._function, task, abandon_on_cancel=True)
            if inspect.isawaitable(returned):
                returned = await returned
        return _answer(returned)

    async def close(self) -> None:
        """Nothing is held beyond the runs."""


def _answer(returned: Any) -> Answer:
    if isinstance(returned, str):
        return Answer(returned)
    if isinstance(returned, tuple):
        parts = cast("Sequence[Any]", returned)
        if len(parts) == 2 and isinstance(parts[0], str):
            return Answer(parts[0], parts[1])
    kind = type(cast("object", returned)).__name__
    raise TypeError(f"the agent returned {kind}; it should return a text, or (text, history)")
