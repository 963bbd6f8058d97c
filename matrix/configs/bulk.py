"""Many configs into the store at once: all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.audit import record
from matrix.configs.database import Database
from matrix.configs.migration.migrate import join_others
from matrix.configs.model import ServerConfig
from matrix.configs.policy import Policy, violations
from matrix.configs.rollout.dual_write import write_legacy
from matrix.configs.secrets import KEY_VARIABLE, Sealer, secrets_of
from matrix.configs.store import BATCH, ConfigStore, DuplicateServer, StoredConfig
from matrix.errors import UsageError


async def import_configs(
    database: Database,
    sealer: Sealer,
    configs: Sequence[ServerConfig],
    agents: Sequence[str],
    policy: Policy,
    *,
    replace: bool = False,
    who: str = "local",
) -> tuple[int, int]:
    """Add configs, each for these agents as well; returns how many were added, and how many replaced.

    `who` is what the audit says. Raises NotMigrated, OutOfStep, and UsageError for the first that the policy refuses,
    that has a secret in clear without a key, or, unless `replace`, whose name is taken.
    """
    await database.check()
    wanted = [_assigned(config, agents) for config in configs]
    for config in wanted:
        for violation in violations(config, policy):
            raise UsageError(
                f"nothing was imported: {config.name!r}: {violation.where}: {violation.message} [{violation.rule}]"
            )
        if sealer.key is None and (found := secrets_of(config.to_json())):
            raise UsageError(
                f"nothing was imported: {config.name!r} has a secret in clear at {found[0]};"
                f" write ${{NAME}} there, or set {KEY_VARIABLE}, and it will be sealed"
            )
    replaced = 0
    async with database.writing() as connection:
        await join_others(connection)
        store = ConfigStore(connection, sealer)
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            there = await store.find_mcp_configs([config.name for config in batch])
            if there and not replace:
                raise DuplicateServer(min(there))
            changes: list[tuple[StoredConfig | None, StoredConfig]] = [
                (there[config.name], await store.update_mcp_config(config.name, config))
                for config in batch
                if config.name in there
            ]
            replaced += len(changes)
            made = await store.create_many([config for config in batch if config.name not in there])
            await _settle(connection, sealer, who, [*changes, *((None, each) for each in made)])
    return len(wanted) - replaced, replaced


async def _settle(
    connection: AsyncConnection, sealer: Sealer, who: str, changes: Sequence[tuple[StoredConfig | None, StoredConfig]]
) -> None:
    for before, after in changes:
        await write_legacy(connection, sealer, before, after)
    await record(
        connection, who, [(None if before is None else before.config, after.config) for before, after in changes]
    )


def _assigned(config: ServerConfig, agents: Sequence[str]) -> ServerConfig:
    if not agents:
        return config
    return ServerConfig.read({**config.to_json(), "agents": sorted({*config.agents, *agents})})
