"""Comparing the two stores row by row, in both directions; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matrix.configs.database import Database
from matrix.configs.migration.survey import Candidate, Survey
from matrix.configs.model import ServerConfig
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore


@dataclass(frozen=True)
class Difference:
    """A server of which the two stores say different things, and in which fields."""

    server: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Verification:
    """What a comparison found; `unreadable` are legacy rows that no config can be made of."""

    same: int
    different: tuple[Difference, ...]
    only_legacy: tuple[str, ...]
    only_new: tuple[str, ...]
    unreadable: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether both stores say the same."""
        return not (self.different or self.only_legacy or self.only_new or self.unreadable)


async def verify(database: Database, sealer: Sealer) -> Verification:
    """Compare every legacy row with its config, and every config with its row.

    What changes by itself (status, errors, moments) is no difference. Raises UsageError without legacy tables,
    CannotUnseal without the key.
    """
    await database.check()
    same, different, only_legacy, unreadable = 0, list[Difference](), list[str](), list[str]()
    seen: set[str] = set()
    async with database.reading() as connection:
        store = ConfigStore(connection, sealer)
        survey = await Survey.open(connection)
        async for batch in survey.candidates():
            there = await store.find_mcp_configs([each.name for each in batch])
            for each in batch:
                seen.add(each.name)
                stored = there.get(each.name)
                if each.mapped is None:
                    unreadable.append(f"{each.name}: {each.problem}")
                elif stored is None:
                    only_legacy.append(each.name)
                elif fields := differing(_facts(each), facts_of(stored.config, sealer)):
                    different.append(Difference(each.name, fields))
                else:
                    same += 1
        only_new = [each.name async for each in store.stream_mcp_configs() if each.name not in seen]
    return Verification(
        same,
        tuple(sorted(different, key=lambda each: each.server)),
        tuple(sorted(only_legacy)),
        tuple(sorted(only_new)),
        tuple(sorted(unreadable)),
    )


def facts_of(config: ServerConfig, sealer: Sealer) -> dict[str, Any]:
    """Return what a config says, in clear and without what only the old tables have a place for."""
    facts = sealer.unsealed(config.to_json())
    facts.pop("legacy", None)
    facts["agents"] = sorted(facts.get("agents", []))
    return facts


def differing(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields in which two of them differ, sorted."""
    return tuple(sorted(key for key in {*left, *right} if left.get(key) != right.get(key)))


def _facts(each: Candidate) -> dict[str, Any]:
    return {} if each.mapped is None else facts_of(each.mapped.config, Sealer())
