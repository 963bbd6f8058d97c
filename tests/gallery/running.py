"""Agents that run in unusual places: threads, executors, loops of their own, queues, locks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import anyio
import httpx2

from tests.gallery.chat_options import Constrained
from tests.saboteurs.honest import Honest


async def in_a_thread(task: Any) -> str:
    """Wait for a plain thread, which has a loop of its own."""
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def work() -> None:
        try:
            answer = asyncio.run(Honest.answer(task))
        except Exception as problem:  # noqa: BLE001  (it is raised where it is waited for)
            loop.call_soon_threadsafe(done.set_exception, problem)
        else:
            loop.call_soon_threadsafe(done.set_result, answer)

    threading.Thread(target=work, daemon=True).start()
    return await done


EXECUTOR = concurrent.futures.ThreadPoolExecutor(20)


async def in_an_executor(task: Any) -> str:
    return await asyncio.get_running_loop().run_in_executor(EXECUTOR, asyncio.run, Honest.answer(task))


async def in_the_default_executor(task: Any) -> str:
    return await asyncio.to_thread(asyncio.run, Honest.answer(task))


class Loop:
    """Has one loop, in a thread that was started before the first run, for all of them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    async def __call__(self, task: Any) -> str:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(Honest.answer(task), self.loop))

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Queue:
    """Has workers, started at the first run, that take runs out of a queue."""

    workers = 20

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, task: Any) -> str:
        if not self.tasks:
            self.tasks = [asyncio.create_task(self.work()) for _ in range(self.workers)]
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await self.queue.put((task, done))
        return await done

    async def work(self) -> None:
        while True:
            task, done = await self.queue.get()
            try:
                done.set_result(await Honest.answer(task))
            except Exception as problem:  # noqa: BLE001  (it is raised where it is waited for)
                done.set_exception(problem)

    async def aclose(self) -> None:
        for each in self.tasks:
            each.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []


class Shielded(Honest):
    @classmethod
    async def answer(cls, task: Any) -> str:
        running = asyncio.create_task(super().answer(task))
        return await asyncio.shield(running)


class Structured(Honest):
    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        shown: dict[int, str] = {}

        async def make(number: int, name: str, arguments: dict[str, Any]) -> None:
            shown[number] = await self.one(name, arguments)

        async with anyio.create_task_group() as group:
            for number, (name, arguments) in enumerate(calls):
                group.start_soon(make, number, name, arguments)
        return [shown[number] for number in range(len(calls))]


class AsCompleted(Honest):
    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        tasks = {asyncio.create_task(self.one(*each)): number for number, each in enumerate(calls)}
        shown = [""] * len(calls)
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                shown[tasks[each]] = each.result()
        return shown


class OneByOne(Honest):
    async def together(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        return [await self.one(*each) for each in calls]


class Locked(Honest):
    async def run(self) -> str:
        self.lock = asyncio.Lock()
        return await super().run()

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        async with self.lock:
            return await super().one(name, arguments)


class Limited(Honest):
    limit: ClassVar[asyncio.Semaphore] = asyncio.Semaphore(4)

    async def one(self, name: str, arguments: dict[str, Any]) -> str:
        async with self.limit:
            return await super().one(name, arguments)


class Beating(Honest):
    """Has a task beside each run that waits for its end, and is cancelled there."""

    async def converse(self) -> str:
        heart = asyncio.create_task(asyncio.Event().wait())
        try:
            return await super().converse()
        finally:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heart


class Racing(Constrained):
    """Asks two models at once, takes the first answer, and cancels the other; the second is asked in vain."""

    async def converse(self) -> str:
        async with self.http(timeout=None) as http:
            loser = asyncio.create_task(self.ask_model(http, [{"role": "user", "content": "Ready?"}], {"tools": []}))
            answer = await super().converse()
            loser.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx2.HTTPError):
                await loser
        return answer


class TriesAgain(Honest):
    @classmethod
    async def answer(cls, task: Any) -> str:
        for _ in range(2):
            with contextlib.suppress(ConnectionError):
                return await super().answer(task)
        return await super().answer(task)


class Daemon(Honest):
    """Keeps its connections in a task of their own."""

    @classmethod
    async def answer(cls, task: Any) -> str:
        ready: asyncio.Future[Honest] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()

        async def hold() -> None:
            async with AsyncExitStack() as stack:
                run = cls(task, stack)
                for name, entry in task.mcp_servers.items():
                    server = await run.connect(name, entry)
                    for tool in [] if server is None else await run.list_tools(server):
                        run.tools[run.name(server, tool)] = (server, tool)
                ready.set_result(run)
                await over.wait()

        holding = asyncio.create_task(hold())
        try:
            return await (await ready).converse()
        finally:
            over.set()
            await holding
