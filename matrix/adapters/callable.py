"""Agents that are any callable: a task in, its answer out; sync ones run in a thread."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Any, cast

from ..raised import Explained, exited, text_of, told
from .base import Answer, Task
from .closing import Shared, closed
from .signatures import required_parameters

_TEXT_NAMES = frozenset({"input", "message", "msg", "prompt", "query", "question", "text", "user_input", "user_prompt"})
TASK_NOT_TEXT = "the callable is given a task, its text is task.prompt"


class CallableInstance:
    """An agent that is `(task) -> answer`: async or sync, a function or an object that can be called.

    An answer is a text, `(text, history)`, an object with a text `output` (pydantic-ai's `AgentRunResult`), or a
    generator of texts, async or not. `shared` is given where other instances call the very same object.
    """

    wiring = "the agent was handed {servers} in task.mcp_servers and connected to none"

    def __init__(self, function: Callable[[Task], Any], shared: Shared | None = None) -> None:
        self._function = function
        self._shared = shared
        self._closed = False

    async def ask(self, task: Task) -> Answer:
        """Call it. Raises what it raises, and Explained where that needs a mend, or what it returns is no answer."""
        try:
            if self._shared is None:
                return await self._answer(task)
            async with self._shared.running():
                return await self._answer(task)
        except SystemExit as problem:
            raise exited(problem) from problem
        except KeyboardInterrupt as problem:
            raise Explained("the agent raised KeyboardInterrupt") from problem
        except Exception as problem:
            if re.search(r"\bTask\b", text_of(problem)) and (mend := self._mend()):
                raise Explained(f"{told(problem)}; {mend}") from problem
            raise

    async def retire(self) -> None:
        """Close the object, where it can be closed; one that others call too only while none of them does."""
        if self._closed:
            return
        self._closed = self._shared is None
        if self._shared is None:
            await closed(self._function)
        else:
            await self._shared.close(self._function)

    async def close(self) -> None:
        """Close an object of this instance's own; nothing else is held beyond the runs."""
        if self._shared is None:
            await self.retire()

    async def _answer(self, task: Task) -> Answer:
        if _is_async(self._function):
            returned = await self._function(task)
        else:
            returned = await asyncio.to_thread(self._function, task)
            if inspect.isawaitable(returned):
                returned = await returned
        if isinstance(returned, AsyncIterable):
            returned = "".join([_piece(each) async for each in cast("AsyncIterable[Any]", returned)])
        elif inspect.isgenerator(returned):
            pieces = cast("Iterable[Any]", returned)
            returned = await asyncio.to_thread(lambda: "".join(map(_piece, pieces)))
        found = _read(returned)
        if found is None:
            raise Explained(self._misfit(returned))
        return found

    def _mend(self) -> str | None:
        """Say what is given to a callable that fails on it, by the name under which it expects something."""
        names = required_parameters(self._function)
        if not names or names[0] == "task":
            return None
        return TASK_NOT_TEXT if names[0] in _TEXT_NAMES else f"{self._called(names[0])}: {_not_a_task(names[0])}"

    def _called(self, parameter: str) -> str:
        name = getattr(self._function, "__name__", type(self._function).__name__)
        return f"{name}({parameter}) was called with a task"

    def _misfit(self, returned: object) -> str:
        """Say that what came back is no answer; an agent comes from a factory that was taken for one."""
        kind = type(returned).__name__
        names = required_parameters(self._function)
        if names and (callable(returned) or hasattr(returned, "run")):
            article = "an" if kind[:1] in "AEIOU" else "a"
            return f"{self._called(names[0])}, and returned {article} {kind}: {_not_a_task(names[0])}"
        return f"the agent returned {kind}; it should return a text, or (text, history)"


def _not_a_task(parameter: str) -> str:
    return f"give {parameter} a default, or name it mcp_servers"


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether it is called in the loop: a coroutine function, or an async generator of texts; an object by its call."""
    call = getattr(function, "__call__", None)  # noqa: B004
    return any(inspect.iscoroutinefunction(each) for each in (function, call))


def _read(returned: Any) -> Answer | None:
    if isinstance(returned, str):
        return Answer(returned)
    if isinstance(returned, tuple):
        parts = cast("Sequence[Any]", returned)
        if len(parts) == 2 and (first := _read(parts[0])) is not None:
            return Answer(first.text, parts[1])
    thing = cast("object", returned)
    messages = getattr(thing, "all_messages", None)
    output = getattr(thing, "output", None)
    if isinstance(output, str) or (callable(messages) and output is not None):
        return Answer(str(output), messages() if callable(messages) else None)
    return None


def _piece(each: object) -> str:
    if not isinstance(each, str):
        raise Explained(f"the agent yielded {type(each).__name__}; a generator should yield texts")
    return each
