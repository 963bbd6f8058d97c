"""What runs in processes of their own: so that one measurement's memory and caches are not another one's."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, ParamSpec, TypeVar

from sqlalchemy import bindparam, func, select, text

from matrix.configs.bench.measure import SIDES, Side, Timing
from matrix.configs.bench.workloads import OPERATIONS, Amounts, Inputs, NewSchema, OldSchema, Schema, inputs
from matrix.configs.database import Database, DatabaseProblem
from matrix.configs.generator.fill import fill_legacy
from matrix.configs.migration import migrate, rollback
from matrix.configs.schema import AGENTS, ASSIGNMENTS, SERVERS
from matrix.configs.secrets import Sealer
from matrix.errors import MatrixError

P = ParamSpec("P")
T = TypeVar("T")
SAMPLES = 2000
"""Names of servers among which the rounds choose."""
_TABLES: Mapping[Side, Sequence[str]] = {
    "old": ("mcp_servers", "agent_mcp_servers"),
    "new": ("mcp_configs", "mcp_config_agents"),
}


@dataclass(frozen=True)
class Place:
    """Where work is done: a database's URL, and the key of its store."""

    url: str
    key: str

    def sealer(self) -> Sealer:
        """Return what seals and unseals there."""
        return Sealer(self.key)


@dataclass(frozen=True)
class Prepared:
    """What a database holds before anything is measured."""

    version: str
    agents: int
    assignments: int


def in_child(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a process that was started for it. Raises what it raises; MatrixError when it dies."""
    context = get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(function, *args, **kwargs).result()
    except BrokenProcessPool:
        raise MatrixError(f"the benchmark's process died at {function.__name__}; was there enough memory?") from None


def prepare(place: Place, servers: int) -> Prepared:
    """Make the tables of both schemas, and fill the legacy ones."""

    async def work(database: Database) -> Prepared:
        await database.upgrade()
        await fill_legacy(database, servers)
        await _settle(database)
        async with database.reading() as connection:
            agents = await connection.scalar(select(func.count()).select_from(AGENTS))
            assignments = await connection.scalar(select(func.count()).select_from(ASSIGNMENTS))
            asked = "select sqlite_version()" if database.is_sqlite else "show server_version"
            version = str(await connection.scalar(text(asked))).partition(" ")[0]
        return Prepared(version, int(agents or 0), int(assignments or 0))

    return _run(place, work)


def move(place: Place, kind: Literal["migrate", "rollback"]) -> tuple[float, int]:
    """Migrate or roll back; returns the seconds it took, and the peak memory in bytes."""

    async def work(database: Database) -> tuple[float, int]:
        idle = peak_memory()
        start = perf_counter()
        await (migrate if kind == "migrate" else rollback)(database, place.sealer())
        seconds = perf_counter() - start
        peak = peak_memory() - idle
        await _settle(database)
        return seconds, peak

    return _run(place, work)


def sizes(place: Place) -> dict[Side, int]:
    """Return the bytes of each schema's tables and indexes; nothing where the database cannot say."""

    async def work(database: Database) -> dict[Side, int]:
        if database.is_sqlite:
            query = "select sum(pgsize) from dbstat join sqlite_schema using (name) where tbl_name in :names"
        else:
            query = "select sum(pg_total_relation_size(oid)) from pg_class where relname in :names and relkind = 'r'"
        statement = text(query).bindparams(bindparam("names", expanding=True))
        try:
            async with database.reading() as connection:
                return {side: int(await connection.scalar(statement, {"names": _TABLES[side]}) or 0) for side in SIDES}
        except DatabaseProblem:
            return {}

    return _run(place, work)


def timed(place: Place, amounts: Amounts) -> list[Timing]:
    """Time every operation on both schemas in turns: of each pair of rounds another side goes first.

    The first round warms up, and is not counted.
    """

    async def work(database: Database) -> list[Timing]:
        schemas = _schemas(database, place)
        names, agents = await _samples(database)
        seconds: dict[tuple[str, Side], list[list[float]]] = {(o.name, s): [] for o in OPERATIONS for s in SIDES}
        for number, each in enumerate(inputs(amounts.rounds + 1, amounts, names, agents)):
            for operation in OPERATIONS:
                for side in SIDES if number % 2 else reversed(SIDES):
                    times = await _times(schemas[side], operation.action, operation.items(each))
                    if number:
                        seconds[operation.name, side].append(times)
            await _clean_up(schemas, each)
        return [Timing(o.name, o.each, seconds[o.name, "old"], seconds[o.name, "new"]) for o in OPERATIONS]

    return _run(place, work)


def exercised(place: Place, side: Side, amounts: Amounts) -> int:
    """Do one round of everything on one schema; returns the peak memory in bytes."""

    async def work(database: Database) -> int:
        names, agents = await _samples(database)
        (each,) = inputs(1, amounts, names, agents)
        schema = _schemas(database, place)[side]
        idle = peak_memory()
        for operation in OPERATIONS:
            await _times(schema, operation.action, operation.items(each))
        peak = peak_memory() - idle
        await _clean_up({side: schema}, each)
        return peak

    return _run(place, work)


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes.

    Linux's `ru_maxrss` also counts the process that started this one, so that its own figure is asked for first.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        status = ""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _run(place: Place, work: Callable[[Database], Awaitable[T]]) -> T:
    async def main() -> T:
        async with Database(place.url) as database:
            return await work(database)

    return asyncio.run(main())


def _schemas(database: Database, place: Place) -> dict[Side, Schema]:
    return {"old": OldSchema(database), "new": NewSchema(database, place.sealer())}


async def _samples(database: Database) -> tuple[list[str], list[str]]:
    """Return names of servers from all over the table, and all agents."""
    async with database.reading() as connection:
        count = int(await connection.scalar(select(func.count()).select_from(SERVERS)) or 0)
        step = max(1, count // SAMPLES)
        names = await connection.scalars(select(SERVERS.c.name).where(SERVERS.c.id % step == 0).order_by(SERVERS.c.id))
        agents = await connection.scalars(select(AGENTS.c.name).order_by(AGENTS.c.id))
        return list(names), list(agents)


async def _times(schema: Schema, action: Callable[[Schema, Any], Awaitable[Any]], items: Sequence[Any]) -> list[float]:
    gc.collect()
    times: list[float] = []
    for item in items:
        start = perf_counter()
        await action(schema, item)
        times.append(perf_counter() - start)
    return times


async def _clean_up(schemas: Mapping[Side, Schema], each: Inputs) -> None:
    """Take out what was imported, so that every round finds the same data."""
    for schema in schemas.values():
        for imported in each.imported:
            for config in imported:
                await schema.delete(config.name)


async def _settle(database: Database) -> None:
    """Do at once what PostgreSQL's autovacuum does within a minute; SQLite has nothing of the kind."""
    if not database.is_sqlite:
        async with database.maintaining() as connection:
            await connection.execute(text("vacuum analyze"))
