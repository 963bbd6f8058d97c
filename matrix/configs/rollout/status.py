"""Where the move stands: migration, modes, reads, differences, errors."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tabulate import tabulate

from matrix.configs.database import has_legacy_tables
from matrix.configs.migration import journal
from matrix.configs.rollout.modes import AgentProgress, progress
from matrix.configs.schema import CONFIGS, DIFFERENCES, SERVERS
from matrix.redaction import encodable

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
