"""Agents in unusual forms: what a name may lead to, and what it may return."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from tests.saboteurs.honest import Honest


def blocking(task: Any) -> str:
    return asyncio.run(Honest.answer(task))


def awaitable(task: Any) -> Awaitable[str]:
    return Honest.answer(task)


async def stream(task: Any):
    for letter in await Honest.answer(task):
        yield letter


def pieces(task: Any):
    yield "Well: "
    yield asyncio.run(Honest.answer(task))


async def result(task: Any) -> Any:
    return SimpleNamespace(output=await Honest.answer(task), usage=7)


async def with_history(task: Any) -> Any:
    return await Honest.answer(task), [*(task.history or []), {"role": "user", "content": task.prompt}]


async def _greeting(greeting: str, task: Any) -> str:
    return f"{greeting} {await Honest.answer(task)}"


partial = functools.partial(_greeting, "Hello.")


async def options(task: Any, verbose: bool = False, *, retries: int = 2, **more: Any) -> str:
    return await Honest.answer(task)


def _logged(function: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    @functools.wraps(function)
    async def logged(*args: Any, **kwargs: Any) -> str:
        return await function(*args, **kwargs)

    return logged


@_logged
async def decorated(request: Any) -> str:
    return await Honest.answer(request)


class App:
    """An application with its agent inside."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        self.config = config or {}

    async def chat(self, task: Any) -> str:
        return await Honest.answer(task)

    async def __call__(self, task: Any) -> str:
        return await self.chat(task)


app = App()
"""Called as an object, and by the name of its method."""


class Closed(App):
    """Refuses to work once it is closed."""

    is_open = True

    async def chat(self, task: Any) -> str:
        if not self.is_open:
            raise RuntimeError("asked after its end")
        return await super().chat(task)

    def close(self) -> None:
        self.is_open = False


class Reopening(App):
    """A singleton that is closed by whoever is done with it, and opens again."""

    def __init__(self) -> None:
        super().__init__()
        self.lock: asyncio.Lock | None = None

    async def chat(self, task: Any) -> str:
        self.lock = self.lock or asyncio.Lock()
        return await super().chat(task)

    async def aclose(self) -> None:
        self.lock = None


reopening = Reopening()


def create_agent(config: dict[str, Any] | None = None) -> App:
    return App(config)


async def create_later() -> Callable[[Any], Awaitable[str]]:
    return (await asyncio.to_thread(App)).chat


def create_wired(mcp_servers: dict[str, Any]) -> Callable[[Any], Awaitable[str]]:
    async def wired(task: Any) -> str:
        return await Honest.answer(SimpleNamespace(**{**vars(task), "mcp_servers": mcp_servers}))

    return wired


def prompted(prompt: str) -> str:
    return prompt


holder = SimpleNamespace(agent=App().chat, version="1.2.3")
