"""Keys of the API: what they may do, how they are made, and how one is recognised; only salted hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from matrix.configs.model import EVERY_AGENT, ServerConfig
from matrix.configs.schema import KEYS
from matrix.configs.store import now
from matrix.errors import UsageError

_FORM = re.compile(r"amx_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOBODY = ("0" * 32, "0" * 64)
_OF_AGENT = "agent:"


@dataclass(frozen=True)
class Rights:
    """What a key may do: read, or write as well; everything, or the configs of these agents only."""

    write: bool
    agents: frozenset[str] | None

    @classmethod
    def of(cls, scopes: Iterable[str]) -> Rights:
        """Read scopes: `read`, `write` (which reads too), `agent:NAME` any number of times. Raises UsageError."""
        given = set(scopes)
        agents = {each.removeprefix(_OF_AGENT) for each in given if each.startswith(_OF_AGENT)}
        unknown = sorted(each for each in given - {"read", "write"} if not each.startswith(_OF_AGENT))
        if unknown or "" in agents or EVERY_AGENT in agents:
            wrong = unknown[0] if unknown else f"{_OF_AGENT}{min(agents & {'', EVERY_AGENT})}"
            raise UsageError(f"{wrong!r} is no scope; there are read, write and agent:NAME")
        return cls("write" in given, frozenset(agents) or None)

    def sees(self, config: ServerConfig) -> bool:
        """Whether the key may read a config: it is for one of the key's agents."""
        return self.agents is None or any(map(config.is_for, self.agents))

    def owns(self, config: ServerConfig) -> bool:
        """Whether the key may decide about a config: it is for nobody else than the key's agents."""
        return self.agents is None or (bool(config.agents) and set(config.agents) <= self.agents)


@dataclass(frozen=True)
class Key:
    """A key, as it is kept; its secret is not among it."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None

    @property
    def rights(self) -> Rights:
        """What it may do."""
        return Rights.of(self.scopes)


async def add_key(connection: AsyncConnection, name: str, scopes: Sequence[str]) -> tuple[Key, str]:
    """Make a key, and return it with its text, which cannot be had again.

    Raises UsageError for a name that is taken (also by a revoked key: the audit names keys), or a scope that is none.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a key: letters, digits, dots, dashes and underscores, 64 at most")
    Rights.of(scopes)
    if await connection.scalar(select(KEYS.c.id).where(KEYS.c.name == name)) is not None:
        raise UsageError(f"there is, or was, a key {name!r}; choose another name")
    key = Key(secrets.token_hex(6), name, tuple(sorted(set(scopes) or {"read"})), now(), None)
    secret, salt = secrets.token_urlsafe(32), secrets.token_hex(16)
    row = {"id": key.id, "name": name, "salt": salt, "hash": _hash(salt, secret), "scopes": list(key.scopes)}
    await connection.execute(insert(KEYS), {**row, "created_at": key.created_at})
    return key, f"amx_{key.id}_{secret}"


async def revoke_key(connection: AsyncConnection, name: str) -> None:
    """Let a key open nothing any more, from this moment. Raises UsageError for one that is not there."""
    changed = await connection.execute(
        update(KEYS).where(KEYS.c.name == name, KEYS.c.revoked_at.is_(None)).values(revoked_at=now())
    )
    if changed.rowcount == 0:
        names = [each.name for each in await list_keys(connection) if each.revoked_at is None]
        raise UsageError(f"no key in force is called {name!r}; there are {', '.join(names) or 'none'}")


async def list_keys(connection: AsyncConnection) -> list[Key]:
    """Return every key there is or was, by name."""
    found = [_key(row) for row in await connection.execute(select(KEYS))]
    return sorted(found, key=lambda each: each.name)


async def recognise(connection: AsyncConnection, text: str) -> Key | None:
    """Return the key in force that a text is, or None; it takes the same time however much of it is right."""
    form = _FORM.fullmatch(text)
    row = None
    if form is not None:
        row = (await connection.execute(select(KEYS).where(KEYS.c.id == form["id"]))).one_or_none()
    salt, wanted = _NOBODY if row is None else (row.salt, row.hash)
    right = hmac.compare_digest(_hash(salt, "" if form is None else form["secret"]), wanted)
    return _key(row) if right and row is not None and row.revoked_at is None else None


def _key(row: Any) -> Key:
    return Key(row.id, row.name, tuple(row.scopes), row.created_at, row.revoked_at)


def _hash(salt: str, secret: str) -> str:
    """Hash a secret of 256 random bits: nothing that would have to be slow to guess."""
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
