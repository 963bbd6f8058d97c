"""Where the move stands: migration, modes, reads, differences, errors; as text and for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tabulate import tabulate

from matrix.configs.database import has_legacy_tables
from matrix.configs.migration import journal
from matrix.configs.rollout.modes import AgentProgress, Mode, progress
from matrix.configs.schema import CONFIGS, DIFFERENCES, SERVERS
from matrix.redaction import encodable

_STATES = ("none", journal.MIGRATED, journal.ROLLED_BACK)
_SHOWN = 20
_PREFIX = "agent_matrix_configs"


@dataclass(frozen=True)
class SeenDifference:
    """Something in which the two stores differed when an agent in shadow read them."""

    agent: str
    server: str
    field: str
    times: int
    last_seen: str


@dataclass(frozen=True)
class Status:
    """Where the move stands. `legacy_servers` is None where there are no legacy tables."""

    migration: journal.Migration | None
    legacy_servers: int | None
    configs: int
    agents: tuple[AgentProgress, ...]
    differences: tuple[SeenDifference, ...]

    @property
    def state(self) -> str:
        """`none`, `migrated` or `rolled-back`."""
        return "none" if self.migration is None else self.migration.state


async def read_status(connection: AsyncConnection) -> Status:
    """Read where the move stands."""
    legacy = None
    if await connection.run_sync(has_legacy_tables):
        legacy = int(await connection.scalar(select(func.count()).select_from(SERVERS)) or 0)
    found = await connection.execute(
        select(DIFFERENCES).order_by(DIFFERENCES.c.agent, DIFFERENCES.c.server, DIFFERENCES.c.field)
    )
    return Status(
        await journal.last(connection),
        legacy,
        int(await connection.scalar(select(func.count()).select_from(CONFIGS)) or 0),
        tuple(await progress(connection)),
        tuple(
            SeenDifference(row.agent, row.server, row.field, row.times, row.last_seen.isoformat(timespec="seconds"))
            for row in found
        ),
    )


def as_text(status: Status) -> str:
    """Return the status for people."""
    lines = [*_migration(status), f"new store: {status.configs} configs"]
    lines.append(
        "legacy tables: none" if status.legacy_servers is None else f"legacy tables: {status.legacy_servers} servers"
    )
    if status.agents:
        headers = ("agent", "mode", "shadow reads", "differing", "errors")
        rows = [(_cell(each.agent), each.mode, each.reads, each.differing_reads, each.errors) for each in status.agents]
        lines += ["", tabulate(rows, headers, disable_numparse=True, colalign=("left", "left", *("right",) * 3))]
    elif status.state == journal.MIGRATED:
        lines += ["", "every agent still reads the legacy tables; `python -m matrix configs rollout AGENT shadow`"]
    if status.differences:
        rows = [(_cell(d.agent), _cell(d.server), d.field, d.times, d.last_seen) for d in status.differences[:_SHOWN]]
        headers = ("agent", "server", "differs in", "times", "last seen")
        lines += ["", tabulate(rows, headers, disable_numparse=True)]
        if len(status.differences) > _SHOWN:
            lines.append(f"… and {len(status.differences) - _SHOWN} more")
    return "\n".join(lines) + "\n"


def _migration(status: Status) -> list[str]:
    found = status.migration
    if found is None:
        return ["migration: none yet"]
    when = (found.ended_at or found.started_at).isoformat(timespec="seconds")
    lines = [f"migration: {found.state} ({found.servers} servers, {found.assignments} assignments), {when}"]
    aside = found.notes.get("aside")
    if found.state == journal.ROLLED_BACK and aside:
        lines.append(f"set aside by the rollback: {', '.join(sorted(aside))}")
    return lines


def _cell(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in encodable(text))


def as_prometheus(status: Status) -> str:
    """Return the status in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(status))
    return generate_latest(registry).decode("utf-8")


class _Metrics(Collector):
    """The status as metrics; `agent="*"` is everyone not named."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        status = self._status
        servers = GaugeMetricFamily(f"{_PREFIX}_servers", "Servers in each store.", labels=["store"])
        if status.legacy_servers is not None:
            servers.add_metric(["legacy"], status.legacy_servers)
        servers.add_metric(["new"], status.configs)
        yield servers
        states = GaugeMetricFamily(
            f"{_PREFIX}_migration_state", "1 for the state that the migration is in.", labels=["state"]
        )
        for state in _STATES:
            states.add_metric([state], int(state == status.state))
        yield states
        modes = GaugeMetricFamily(
            f"{_PREFIX}_agent_mode",
            "1 for the mode that an agent is in; the agent * is everyone not named.",
            labels=["agent", "mode"],
        )
        for each in status.agents:
            for mode in Mode:
                modes.add_metric([encodable(each.agent), mode.value], int(mode is each.mode))
        yield modes
        yield self._counter("reads", "Reads of agents in shadow.", lambda each: each.reads)
        yield self._counter(
            "differing_reads", "Such reads in which the stores differed.", lambda each: each.differing_reads
        )
        yield self._counter("errors", "Such reads in which a store could not be read.", lambda each: each.errors)
        yield GaugeMetricFamily(
            f"{_PREFIX}_shadow_differences", "Fields that differed so far.", value=len(status.differences)
        )

    def _counter(self, name: str, meaning: str, count: Callable[[AgentProgress], int]) -> Metric:
        counter = CounterMetricFamily(f"{_PREFIX}_shadow_{name}", meaning, labels=["agent"])
        for each in self._status.agents:
            counter.add_metric([encodable(each.agent)], count(each))
        return counter
