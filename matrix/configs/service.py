"""What the API does: each call one transaction, with its rules, the legacy tables kept in step, and its audit.

A loop that serves others waits for a call: work that grows with what was sent (reading, masks, the policy) is done in
a thread, and long lists are read in portions.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs import audit
from matrix.configs.database import Database
from matrix.configs.database_errors import ConstraintViolated
from matrix.configs.keys import Rights
from matrix.configs.masks import unmasked
from matrix.configs.migration.migrate import join_others
from matrix.configs.model import InvalidConfig, ServerConfig, unstorable
from matrix.configs.policy import Policy, Violation, violations
from matrix.configs.rollout.dual_write import write_legacy
from matrix.configs.rollout.read_routing import RoutedRead, routed_read
from matrix.configs.rollout.status import Status, read_status
from matrix.configs.schema import CONFIGS
from matrix.configs.secrets import KEY_VARIABLE, Sealer, mask, secrets_of
from matrix.configs.store import ConfigStore, DuplicateServer, StoredConfig, UnknownServer
from matrix.errors import UsageError

_PORTION = 50
"""Entries that are decoded before others have their turn on the loop."""


class Refused(UsageError):
    """The security policy refuses a config; `violations` name the rules."""

    def __init__(self, name: str, found: Sequence[Violation]) -> None:
        self.violations = tuple(found)
        first = found[0]
        where = f"{first.where} " if first.where else ""
        super().__init__(f"the server {name!r} is refused: {where}{first.message} [{first.rule}]")


class Forbidden(UsageError):
    """The key is a good one, and not good enough for this."""


@dataclass(frozen=True)
class Caller:
    """Who calls: the name that the audit keeps, and what it may do."""

    name: str
    rights: Rights


@dataclass(frozen=True)
class Page:
    """A part of a list, by name; `after` is where the next part begins, None at the end."""

    configs: tuple[ServerConfig, ...]
    after: str | None = None
    problems: tuple[str, ...] = ()


class ConfigService:
    """The only way to the data from outside. What a caller's key does not let it see is unknown to it."""

    def __init__(self, database: Database, sealer: Sealer, policy: Policy) -> None:
        self.database, self._sealer, self._policy = database, sealer, policy

    async def page(self, caller: Caller, *, enabled_only: bool, after: str | None, limit: int) -> Page:
        """Return the configs of the new store after a name. Raises Forbidden for a key of single agents."""
        _unrestricted(caller, "the list of every server; ask for one of its agents with agent_name")
        async with self.database.reading() as connection:
            store, found = ConfigStore(connection), list[ServerConfig]()
            while (size := min(_PORTION, limit + 1 - len(found))) > 0:
                last = found[-1].name if found else after
                portion = await store.list_mcp_configs(enabled_only=enabled_only, after=last, limit=size, whole=False)
                found += [each.config for each in portion]
                if len(portion) < size:
                    break
        return _page(found, limit)

    async def agent_page(
        self, caller: Caller, agent: str, *, enabled_only: bool, after: str | None, limit: int
    ) -> Page:
        """Return an agent's servers, from the store that its mode names. Raises Forbidden."""
        served = await self.of_agent(caller, agent, enabled_only=enabled_only)
        rest = [each for each in served.configs if after is None or each.name > after]
        return _page(rest, limit, served.problems)

    async def of_agent(self, caller: Caller, agent: str, *, enabled_only: bool = True) -> RoutedRead:
        """Return all of an agent's servers, from the store that its mode names. Raises Forbidden."""
        if caller.rights.agents is not None and agent not in caller.rights.agents:
            raise Forbidden(f"this key is not for the agent {agent!r}")
        return await routed_read(self.database, self._sealer, agent, enabled_only=enabled_only)

    async def get(self, caller: Caller, name: str) -> StoredConfig:
        """Return one config of the new store. Raises UnknownServer."""
        async with self.database.reading() as connection:
            return await self._seen(ConfigStore(connection), caller, name)

    async def create(self, caller: Caller, data: Mapping[str, Any]) -> StoredConfig:
        """Add a config. Raises InvalidConfig, Refused, Forbidden, DuplicateServer, NotMigrated, OutOfStep."""
        _writer(caller)
        config = await to_thread.run_sync(self._read, data, None)
        _owner(caller, config)
        try:
            async with self.database.writing() as connection:
                await join_others(connection)
                made = await ConfigStore(connection, self._sealer).create_mcp_config(config)
                await self._settle(connection, caller, None, made)
        except ConstraintViolated:  # somebody else was first, between our look and our write
            raise DuplicateServer(config.name) from None
        return made

    async def replace(
        self, caller: Caller, name: str, data: Mapping[str, Any], if_match: Sequence[str] | None
    ) -> StoredConfig:
        """Replace a config; a mask in it stands for the secret that is stored there.

        Raises UnknownServer, Changed, and whatever `create` raises.
        """
        async with self._changing(caller, name) as (connection, store, before):
            config = await to_thread.run_sync(self._read, data, before.config)
            if config.name != name:
                raise InvalidConfig(name, "name", "cannot be changed; delete the server, and create it anew")
            _owner(caller, config)
            after = await store.update_mcp_config(name, config, if_match=if_match)
            await self._settle(connection, caller, before, after)
        return after

    async def delete(self, caller: Caller, name: str, if_match: Sequence[str] | None) -> None:
        """Remove a config. Raises UnknownServer, Changed, Forbidden, NotMigrated, OutOfStep."""
        async with self._changing(caller, name) as (connection, store, before):
            await store.delete_mcp_config(name, if_match=if_match)
            await self._settle(connection, caller, before, None)

    async def history(
        self, caller: Caller, *, server: str | None, before: int | None, limit: int
    ) -> list[audit.Change]:
        """Return who changed what, the newest first. Raises Forbidden for a key of single agents."""
        _unrestricted(caller, "the audit")
        async with self.database.reading() as connection:
            found = list[audit.Change]()
            while (size := min(_PORTION, limit - len(found))) > 0:
                last = found[-1].id if found else before
                portion = await audit.history(connection, server=server, before=last, limit=size)
                found += portion
                if len(portion) < size:
                    break
        return found

    async def status(self, caller: Caller) -> Status:
        """Return where the move from the legacy tables stands. Raises Forbidden for a key of single agents."""
        _unrestricted(caller, "the state of the whole store")
        async with self.database.reading() as connection:
            return await read_status(connection)

    async def reachable(self) -> None:
        """Make sure that the store can be read. Raises MatrixError."""
        async with self.database.reading() as connection:
            await connection.execute(select(CONFIGS.c.id).limit(1))

    @asynccontextmanager
    async def _changing(
        self, caller: Caller, name: str
    ) -> AsyncGenerator[tuple[AsyncConnection, ConfigStore, StoredConfig]]:
        """Give a transaction in which a config that is the caller's to change is locked, and the config as it is."""
        _writer(caller)
        async with self.database.writing() as connection:
            await join_others(connection)
            store = ConfigStore(connection, self._sealer)
            before = await self._seen(store, caller, name, lock=True)
            _owner(caller, before.config)
            yield connection, store, before

    async def _seen(self, store: ConfigStore, caller: Caller, name: str, *, lock: bool = False) -> StoredConfig:
        found = await store.get_mcp_config(name, lock=lock)
        if not caller.rights.sees(found.config):
            raise UnknownServer(name)
        return found

    async def _settle(
        self, connection: AsyncConnection, caller: Caller, before: StoredConfig | None, after: StoredConfig | None
    ) -> None:
        await write_legacy(connection, self._sealer, before, after)
        change = (None if before is None else before.config, None if after is None else after.config)
        await audit.record(connection, caller.name, [change])

    def _read(self, data: Mapping[str, Any], stored: ServerConfig | None) -> ServerConfig:
        """Make a config of what was sent: in full, within the policy, and fit to be stored."""
        name = str(data.get("name", ""))[:64]
        for path, problem in unstorable(data):
            raise InvalidConfig(name, path, problem)
        full = _with_legacy(unmasked(data, stored), data, stored)
        if data.get("agents") == [] and (stored is None or stored.agents):
            raise InvalidConfig(name, "agents", "is empty; name the agents, or leave it out, and nobody has the server")
        config = ServerConfig.read(full)
        if found := self._new_violations(config, stored):
            raise Refused(config.name[:64], found)
        if self._sealer.key is None and (clear := secrets_of(config.to_json())):
            problem = f"is a secret in clear; write ${{NAME}} there, or have the store's {KEY_VARIABLE} set to seal it"
            raise InvalidConfig(config.name[:64], clear[0], problem)
        return config

    def _new_violations(self, config: ServerConfig, stored: ServerConfig | None) -> list[Violation]:
        """Return what a config breaks, apart from what came from the legacy tables and is not touched now."""
        found = violations(config, self._policy)
        if stored is None or not found:
            return list(found)
        old, new = stored.to_json(), config.to_json()
        same = {key for key in new if old.get(key) == new[key]}
        had = {(each.rule, each.where) for each in violations(stored, self._policy)}
        return [each for each in found if (each.rule, each.where) not in had or each.field not in same]


def _with_legacy(full: dict[str, Any], sent: Mapping[str, Any], stored: ServerConfig | None) -> dict[str, Any]:
    """Keep what the migration left under `legacy`; it is for reading only, and need not be sent."""
    kept = None if stored is None else stored.legacy
    if "legacy" in sent and sent["legacy"] != mask({"legacy": kept})["legacy"]:
        name = str(sent.get("name", ""))[:64]
        raise InvalidConfig(name, "legacy", "is what a migration kept, and for reading only; leave it out")
    return {**full, "legacy": kept} if kept is not None else full


def _page(configs: Sequence[ServerConfig], limit: int, problems: Sequence[str] = ()) -> Page:
    more = len(configs) > limit
    return Page(tuple(configs[:limit]), configs[limit - 1].name if more else None, tuple(problems))


def _writer(caller: Caller) -> None:
    if not caller.rights.write:
        raise Forbidden("this key may only read; changing needs one with the scope write")


def _unrestricted(caller: Caller, what: str) -> None:
    if caller.rights.agents is not None:
        raise Forbidden(f"this key is for {', '.join(sorted(caller.rights.agents))} only, and not for {what}")


def _owner(caller: Caller, config: ServerConfig) -> None:
    if not caller.rights.owns(config):
        raise Forbidden(f"this key may change what is for {', '.join(sorted(caller.rights.agents or ()))} alone")
