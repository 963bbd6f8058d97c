"""What a thread inherits from the run that it is started in, and how a run's prompt is known again in a request.

Also the harness needs it, in interpreters of all kinds: the standard library alone, Python 3.9 or later.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


def holds(body: bytes, prompt: str) -> bool:
    """Whether a JSON body has this text in it, escaped in either of the usual ways."""
    return any(json.dumps(prompt, ensure_ascii=escaped)[1:-1].encode() in body for escaped in (True, False))


@contextmanager
def inherited(variable: ContextVar[Any]) -> Generator[None, None, None]:
    """Have threads take over a variable from where they are started, and the tasks of a pool from who submits them."""
    start: Callable[[threading.Thread], None] = threading.Thread.start
    submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

    def started(self: threading.Thread) -> None:
        if (current := variable.get()) is not None:
            self.run = _belonging(variable, current, self.run)
        start(self)

    def submitted(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return submit(pool, _belonging(variable, variable.get(), function), *args, **kwargs)

    threading.Thread.start = started
    ThreadPoolExecutor.submit = submitted
    try:
        yield
    finally:
        threading.Thread.start = start
        ThreadPoolExecutor.submit = submit


def _belonging(variable: ContextVar[Any], value: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    def belonging(*args: Any, **kwargs: Any) -> Any:
        token = variable.set(value)
        try:
            return function(*args, **kwargs)
        finally:
            variable.reset(token)

    return belonging
