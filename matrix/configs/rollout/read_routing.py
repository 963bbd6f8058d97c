"""Read routing: an agent's servers from the store that its mode names; in shadow from both, to compare them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.database import Database
from matrix.configs.migration.survey import Survey
from matrix.configs.model import ServerConfig
from matrix.configs.rollout.modes import Mode, compare, legacy_configs, modes, record_read
from matrix.configs.secrets import Sealer
from matrix.configs.store import ConfigStore
from matrix.errors import MatrixError

_LOG = logging.getLogger("matrix.configs")


@dataclass(frozen=True)
class RoutedRead:
    """What was read for an agent: its servers, sorted by name, without `legacy`, secrets sealed where there is a key.

    `problems` names the servers that the legacy tables assign to the agent, and that no config can be made of.
    """

    mode: Mode
    configs: tuple[ServerConfig, ...]
    problems: tuple[str, ...] = ()


async def routed_read(database: Database, sealer: Sealer, agent: str, *, enabled_only: bool = True) -> RoutedRead:
    """Return an agent's servers from the store that its mode names.

    In `shadow` the new store is read as well: what differs is recorded, what fails is counted, and neither reaches
    the agent. Raises CannotUnseal where secrets have to be compared without the key.
    """
    async with database.reading() as connection:
        mode = (await modes(connection)).of(agent)
        if not mode.reads_legacy:
            found = await ConfigStore(connection).list_mcp_configs(agent, enabled_only=enabled_only, whole=False)
            return RoutedRead(mode, tuple(each.config for each in found))
        old = await legacy_configs(await Survey.open(connection), agent, enabled_only=enabled_only)
        seen = await _compared(connection, sealer, agent, old.configs, enabled_only) if mode is Mode.SHADOW else None
    if seen is not None:
        await _remember(database, agent, seen)
    configs = tuple(_shown(each, sealer) for each in old.configs.values())
    return RoutedRead(mode, configs, tuple(f"{each.name!r}: {each.problem}" for each in old.unreadable))


async def agent_configs(database: Database, sealer: Sealer, agent: str) -> list[ServerConfig]:
    """Return the enabled servers of an agent. Raises MatrixError where one of them cannot be read."""
    await database.check()
    read = await routed_read(database, sealer, agent)
    if read.problems:
        raise MatrixError(f"the legacy tables give {agent!r} a server that cannot be read: {read.problems[0]}")
    return list(read.configs)


@dataclass(frozen=True)
class _Comparison:
    differences: Sequence[tuple[str, str]] = ()
    errors: int = 0


async def _compared(
    connection: AsyncConnection, sealer: Sealer, agent: str, old: Mapping[str, ServerConfig], enabled_only: bool
) -> _Comparison:
    """Compare with the new store, in the same transaction: both are seen at one moment."""
    try:
        async with connection.begin_nested():
            found = await ConfigStore(connection).list_mcp_configs(agent, enabled_only=enabled_only, whole=False)
            return _Comparison([*compare(old, {each.name: each.config for each in found}, sealer)])
    except (MatrixError, SQLAlchemyError) as problem:
        _LOG.warning("shadow read of %r failed in the new store: %s", agent, type(problem).__name__)
        return _Comparison(errors=1)


async def _remember(database: Database, agent: str, seen: _Comparison) -> None:
    """Write down what was seen; a store that is too busy for that must not keep the agent from its servers."""
    with contextlib.suppress(MatrixError):
        async with database.writing() as connection:
            await record_read(connection, agent, seen.differences, errors=seen.errors)


def _shown(config: ServerConfig, sealer: Sealer) -> ServerConfig:
    """Return a legacy config as the new store would give it."""
    plain = {key: value for key, value in config.to_json().items() if key != "legacy"}
    return ServerConfig.read(plain if sealer.key is None else sealer.sealed(plain), stored=True)
