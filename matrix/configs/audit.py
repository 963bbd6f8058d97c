"""Who changed what: one row for each change of a config, written in the transaction of the change; secrets masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from anyio import to_thread
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.model import ServerConfig
from matrix.configs.schema import AUDIT
from matrix.configs.secrets import mask
from matrix.configs.store import now

Action = Literal["create", "replace", "delete"]


@dataclass(frozen=True)
class Change:
    """A change of one config; a secret that became another one is named in `changed`, and masked on both sides."""

    id: int
    at: datetime
    who: str
    action: str
    server: str
    changed: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


async def record(
    connection: AsyncConnection,
    who: str,
    changes: Sequence[tuple[ServerConfig | None, ServerConfig | None]],
) -> None:
    """Record changes, each as the config before and after; None is absent. The loop is free while they are masked."""
    if changes:
        await connection.execute(insert(AUDIT), await to_thread.run_sync(_rows, who, changes))


async def history(
    connection: AsyncConnection, *, server: str | None = None, before: int | None = None, limit: int = 100
) -> list[Change]:
    """Return changes, the newest first; of one server, and older than the change of an id."""
    query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if server is not None:
        query = query.where(AUDIT.c.server == server)
    if before is not None:
        query = query.where(AUDIT.c.id < before)
    return [
        Change(row.id, row.at, row.who, row.action, row.server, tuple(row.changed), row.before, row.after)
        for row in await connection.execute(query)
    ]


def _rows(who: str, changes: Sequence[tuple[ServerConfig | None, ServerConfig | None]]) -> list[dict[str, Any]]:
    moment = now()
    return [_row(who, moment, *each) for each in changes]


def _row(who: str, moment: datetime, before: ServerConfig | None, after: ServerConfig | None) -> dict[str, Any]:
    old, new = ({} if each is None else each.to_json() for each in (before, after))
    action: Action = "create" if before is None else "delete" if after is None else "replace"
    return {
        "at": moment,
        "who": who,
        "action": action,
        "server": (after or before or _nothing()).name,
        "changed": sorted(name for name in {*old, *new} if old.get(name) != new.get(name)),
        "before": None if before is None else mask(old),
        "after": None if after is None else mask(new),
    }


def _nothing() -> ServerConfig:
    raise ValueError("a change is of something")
