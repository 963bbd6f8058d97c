"""Dual write: a change of the new store is written to the legacy tables too, as long as an agent may go back there."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import has_legacy_tables
from matrix.configs.migration import journal
from matrix.configs.migration.legacy import SERVERS, ColumnGone
from matrix.configs.migration.legacy_writer import LegacyWriter
from matrix.configs.migration.merge import Facts, merge
from matrix.configs.migration.other_tables import StillReferenced
from matrix.configs.migration.survey import Candidate, Survey
from matrix.configs.migration.verify import facts_of
from matrix.configs.rollout.modes import Mode, modes
from matrix.configs.secrets import Sealer
from matrix.configs.store import StoredConfig
from matrix.errors import UsageError


class NotMigrated(UsageError):
    """There are legacy tables, which every agent reads, and no migration is in force."""

    def __init__(self) -> None:
        super().__init__(
            "the legacy tables are not migrated, and every agent reads them: a change here would reach nobody;"
            " run `python -m matrix configs migrate` first"
        )


class OutOfStep(UsageError):
    """The legacy tables cannot take a change, and an agent that it concerns may still read them."""


async def write_legacy(
    connection: AsyncConnection, sealer: Sealer, before: StoredConfig | None, after: StoredConfig | None
) -> None:
    """Write a change (`before` None: created; `after` None: deleted) to the legacy tables too, if it has to be there.

    It has to unless every agent of the server, as it was and as it will be, is in mode `new`. Only what changed is
    written. The platform's own triggers see it as any change of its tables. Raises NotMigrated; OutOfStep where the
    legacy tables say something else by now, have no place for it, or have rows of other tables that refer to it.
    """
    if not await connection.run_sync(has_legacy_tables):
        return
    migration = await journal.active(connection)
    if migration is None:
        raise NotMigrated
    known = await modes(connection)
    holders = [known.among(each.config.agents) for each in (before, after) if each is not None]
    concerned = set[Mode]().union(*holders)
    changed = after or before
    if changed is None or concerned <= {Mode.NEW} or changed.name in migration.present:
        return
    await _write(await Survey.open(connection), sealer, changed.name, before, after)


async def _write(
    survey: Survey, sealer: Sealer, name: str, before: StoredConfig | None, after: StoredConfig | None
) -> None:
    legacy = await _row(survey, name)
    if before is None and legacy is not None:
        raise OutOfStep(
            f"the legacy tables have a server {name!r} already; `python -m matrix configs migrate` brings it here"
        )
    merged = merge(name, _facts(before, sealer), _legacy_facts(legacy), _facts(after, sealer), None)
    if merged.conflicts:
        raise OutOfStep(
            f"{merged.conflicts[0]}; make the two agree first (`python -m matrix configs verify` shows them)"
        )
    writer = LegacyWriter(survey, sealer)
    if lost := writer.losses(merged, after):
        raise OutOfStep(
            f"{name!r}: {_first(list(lost))}: the legacy tables have no place for it, and an agent may still read them;"
            " move the server's agents to `new` first"
        )
    if merged.action == "keep":
        return
    try:
        await writer.write(merged, legacy, after)
    except (StillReferenced, ColumnGone) as problem:
        raise OutOfStep(f"{name!r} in the legacy tables: {problem}") from None


async def _row(survey: Survey, name: str) -> Candidate | None:
    rows = await survey.tables[SERVERS].rows_where(survey.connection, "name", [name])
    if len(rows) > 1:
        raise OutOfStep(f"the legacy tables have {len(rows)} servers {name!r}; mend that there first")
    found = (await survey.mapped(rows))[0] if rows else None
    if found is not None and found.mapped is None:
        raise OutOfStep(f"{name!r} cannot be read in the legacy tables any more ({found.problem}); mend it there first")
    return found


def _facts(stored: StoredConfig | None, sealer: Sealer) -> Facts | None:
    return None if stored is None else facts_of(stored.config, sealer)


def _legacy_facts(legacy: Candidate | None) -> Facts | None:
    return None if legacy is None or legacy.mapped is None else facts_of(legacy.mapped.config, Sealer())


def _first(lost: Sequence[str]) -> str:
    return lost[0] if len(lost) == 1 else f"{lost[0]} (and {len(lost) - 1} more)"
