"""Where the move stands: migration, modes, reads, differences, errors; as text and for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    metrics: list[tuple[str, str, str, Sequence[tuple[Mapping[str, str], int]]]] = [
        ("configs_servers", "gauge", "Servers in each store.", list(_servers(status))),
        (
            "configs_migration_state",
            "gauge",
            "1 for the state that the migration is in.",
            [({"state": state}, int(state == status.state)) for state in _STATES],
        ),
        (
            "configs_agent_mode",
            "gauge",
            "1 for the mode that an agent is in; the agent * is everyone not named.",
            [({"agent": e.agent, "mode": mode}, int(mode is e.mode)) for e in status.agents for mode in Mode],
        ),
    ]
    for name, meaning, field in (
        ("configs_shadow_reads_total", "Reads of agents in shadow.", "reads"),
        ("configs_shadow_differing_reads_total", "Such reads in which the stores differed.", "differing_reads"),
        ("configs_shadow_errors_total", "Such reads in which a store could not be read.", "errors"),
    ):
        values = [({"agent": each.agent}, int(getattr(each, field))) for each in status.agents]
        metrics.append((name, "counter", meaning, values))
    metrics.append(
        ("configs_shadow_differences", "gauge", "Fields that differed so far.", [({}, len(status.differences))])
    )
    return "".join(_metric(*each) for each in metrics)


def _servers(status: Status) -> Iterator[tuple[Mapping[str, str], int]]:
    if status.legacy_servers is not None:
        yield {"store": "legacy"}, status.legacy_servers
    yield {"store": "new"}, status.configs


def _metric(name: str, kind: str, meaning: str, values: Sequence[tuple[Mapping[str, str], int]]) -> str:
    full = f"agent_matrix_{name}"
    lines = [f"# HELP {full} {meaning}", f"# TYPE {full} {kind}"]
    for labels, value in values:
        inner = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
        lines.append(f"{full}{{{inner}}} {value}" if inner else f"{full} {value}")
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return encodable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
