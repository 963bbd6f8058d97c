"""Vices of doing several things at once.

What runs have in common is kept by server: the cells of one agent share a process, and a vice must not reach from
one cell into another.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import mcp_types as types

from matrix.adapters.control import Connection, Entry
from tests.saboteurs.honest import Honest, key_of
from tests.saboteurs.saboteur import Saboteur

if TYPE_CHECKING:
    from matrix.adapters.base import Task

Calls = Sequence[tuple[str, dict[str, Any]]]


class Hurries(Honest):
    """Waits ten seconds for each call of a turn of several: a vice shows soon, and what only waits is not cut off.

    The turnstile lets a caller who comes alone through after four.
    """

    several = False

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        with anyio.fail_after(10.0 if self.several else None):
            return await super().call(server, tool, arguments)


class MakesOneCallAtATime(Hurries):
    """Makes the calls of a turn one after the other."""

    async def together(self, calls: Calls) -> list[str]:
        self.several = len(calls) > 1
        return [await self.one(name, arguments) for name, arguments in calls]


class AsksOneServerAtATime(Hurries):
    """Makes the calls of a turn to one server together, and those to the next one after them."""

    async def together(self, calls: Calls) -> list[str]:
        self.several = len(calls) > 1
        shown: dict[int, str] = {}
        servers = [self.tools[name][0].name if name in self.tools else "" for name, _ in calls]
        for server in dict.fromkeys(servers):
            its = [number for number, each in enumerate(servers) if each == server]
            shown.update(zip(its, await super().together([calls[number] for number in its]), strict=True))
        return [shown[number] for number in range(len(calls))]


class HasTenConnections(Honest):
    """Refuses a run when ten others are on its server."""

    limit = 10
    taken: ClassVar[Counter[str]] = Counter()

    async def run(self) -> str:
        keys = [key_of(entry) for entry in self.task.mcp_servers.values()]
        if any(self.taken[key] >= self.limit for key in keys):
            raise RuntimeError("all connections to the server are taken")
        self.taken.update(keys)
        try:
            return await super().run()
        finally:
            self.taken.subtract(keys)


class EntersAServerOnce(HasTenConnections):
    """Refuses a run when another is on its server."""

    limit = 1


class TellsItsTwinsAnswer(Honest):
    """Keeps answers in a file for all its processes, and takes what another one has kept for its own."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        result = await super().call(server, tool, arguments)
        return self._kept(f"{server.name}-{tool.name}", result)

    def _kept(self, name: str, result: types.CallToolResult) -> types.CallToolResult:
        file = Path(tempfile.gettempdir()).parents[1] / name  # in the folder of this run of the matrix
        with file.open("a", encoding="utf-8") as end:
            end.write(f"{os.getpid()} {result.model_dump_json()}\n")
        answers = [line.partition(" ") for line in file.read_text("utf-8").split("\n") if line]
        others = [answer for pid, _, answer in answers if pid != str(os.getpid())]
        return types.CallToolResult.model_validate_json(others[0]) if others else result


class MixesUpRuns(Honest):
    """Gives the first answer of a server to the run that has waited longest."""

    waiting: ClassVar[dict[str, deque[asyncio.Future[list[str]]]]] = defaultdict(deque)

    async def together(self, calls: Calls) -> list[str]:
        if calls[0][0] not in self.tools:
            return await super().together(calls)
        queue = self.waiting[key_of(self.tools[calls[0][0]][0].entry)]
        mine: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        shown = await super().together(calls)
        queue.popleft().set_result(shown)
        return await mine


class SpoilsSiblings(Honest):
    """Gives up all the calls of a turn when one of them fails."""

    async def together(self, calls: Calls) -> list[str]:
        shown = await super().together(calls)
        failed = len(shown) > 1 and any(text.startswith("error:") for text in shown)
        return ["error: a call of this turn failed"] * len(shown) if failed else shown


class BlocksTheLoop(Honest):
    """Calls a server from synchronous code, which lets nothing else happen until it is answered."""

    blocked = 1.5
    """Seconds after which it goes on without an answer."""

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        async def alone() -> types.CallToolResult:
            async with AsyncExitStack() as stack:
                client = await self.open(server.entry, stack)
                with anyio.fail_after(self.blocked):
                    return await client.call_tool(tool.name, arguments)

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, alone()).result()


class BorrowsAConnection(Honest):
    """Lets all runs use the connection of the first one, which closes it when it ends."""

    lenders: ClassVar[dict[str, BorrowsAConnection]] = {}

    def __init__(self, task: Task, stack: AsyncExitStack) -> None:
        super().__init__(task, stack)
        self.ended = False
        self.borrowed: dict[str, BorrowsAConnection] = {}

    async def connect(self, name: str, entry: Entry) -> Connection | None:
        self.borrowed[key_of(entry)] = self.lenders.setdefault(key_of(entry), self)
        return await super().connect(name, entry)

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        if self.borrowed[key_of(server.entry)].ended:
            raise ConnectionError("the connection is closed")
        return await super().call(server, tool, arguments)

    async def run(self) -> str:
        try:
            return await super().run()
        finally:
            self.ended = True
            for key in [key for key, lender in self.lenders.items() if lender is self]:
                del self.lenders[key]


class DistrustsAUsedConnection(Honest):
    """Makes every call twice on a server that an earlier run has used, to be sure."""

    used: ClassVar[set[str]] = set()

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        if key_of(server.entry) in self.used:
            await super().call(server, tool, arguments)
        return await super().call(server, tool, arguments)

    async def run(self) -> str:
        try:
            return await super().run()
        finally:
            self.used.update(map(key_of, self.task.mcp_servers.values()))


class MatchesByArrival(Honest):
    """Gives the first answer of a tool to the call that was made first."""

    def __init__(self, task: Task, stack: AsyncExitStack) -> None:
        super().__init__(task, stack)
        self.waiting: dict[tuple[str, str], deque[asyncio.Future[types.CallToolResult]]] = defaultdict(deque)

    async def call(self, server: Connection, tool: types.Tool, arguments: dict[str, Any]) -> types.CallToolResult:
        queue = self.waiting[key_of(server.entry), tool.name]
        mine: asyncio.Future[types.CallToolResult] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        result = await super().call(server, tool, arguments)
        queue.popleft().set_result(result)
        return await mine


SABOTEURS: Mapping[str, Saboteur] = {
    "concurrency.parallel-calls": Saboteur(
        MakesOneCallAtATime,
        "only when the first one had been answered",
        related=frozenset(
            {
                "concurrency.parallel-servers",  # two calls of one turn as well
            }
        ),
    ),
    "concurrency.parallel-servers": Saboteur(AsksOneServerAtATime, "only when the first one had answered"),
    "concurrency.many-runs": Saboteur(HasTenConnections, "all connections to the server are taken"),
    "concurrency.shared-server": Saboteur(
        EntersAServerOnce,
        "all connections to the server are taken",
        related=frozenset(
            {
                # All of these have several runs on one server.
                "concurrency.many-runs",
                "concurrency.no-cross-talk",
                "concurrency.event-loop",
                "concurrency.cross-task-close",
                "concurrency.pool",
            }
        ),
    ),
    "concurrency.all-agents": Saboteur(TellsItsTwinsAnswer, "not shown its own answer", rows=2),
    "concurrency.no-cross-talk": Saboteur(
        MixesUpRuns,
        "the marker of another",
        related=frozenset(
            {
                # Runs that are answered at the same time may be mixed up here too.
                "concurrency.many-runs",
                "concurrency.shared-server",
                "concurrency.event-loop",
                "concurrency.cross-task-close",
                "concurrency.pool",
            }
        ),
    ),
    "concurrency.one-failure": Saboteur(SpoilsSiblings, "lost with the failure"),
    "concurrency.event-loop": Saboteur(
        BlocksTheLoop,
        "did not come through",
        related=frozenset(
            {
                # The second call of a meeting is never made while the first one blocks; a turnstile waits too long.
                "concurrency.parallel-calls",
                "concurrency.parallel-servers",
                "concurrency.shared-server",
                "concurrency.no-cross-talk",
                "concurrency.order",
            }
        ),
    ),
    "concurrency.cross-task-close": Saboteur(
        BorrowsAConnection,
        "outlived it lost a result",
        related=frozenset(
            {
                "concurrency.pool",  # a run of a wave may end before the others have made their second call
            }
        ),
    ),
    "concurrency.pool": Saboteur(
        DistrustsAUsedConnection,
        "the server saw the call twice",
        related=frozenset(
            {
                "concurrency.cross-task-close",  # a run goes on when another has ended
            }
        ),
    ),
    "concurrency.order": Saboteur(
        MatchesByArrival,
        "the answer of another",
        related=frozenset(
            {
                "concurrency.parallel-calls",  # two answers at the same time, which may arrive in either order
            }
        ),
    ),
}
