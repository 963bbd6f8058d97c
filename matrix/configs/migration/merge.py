"""Three ways into one: what the new store changed since the migration, what the legacy tables did, what both; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Facts = Mapping[str, Any]
Prefer = Literal["legacy", "new"]
"""Whose word counts where both have changed the same thing."""


@dataclass(frozen=True)
class Conflict:
    """Both sides changed a field since the migration, each in its own way; or one deleted what the other changed."""

    server: str
    where: str
    text: str

    def __str__(self) -> str:
        """All in one line."""
        return f"{self.server!r} {self.where}: {self.text}"


@dataclass(frozen=True)
class Merged:
    """What has to be done to a legacy server: `fields` to write, and agents to add and to take away."""

    server: str
    action: Literal["keep", "write", "create", "delete"] = "keep"
    fields: tuple[str, ...] = ()
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    conflicts: tuple[Conflict, ...] = ()
    aside: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What of the new store was not taken, by a conflict that was decided for the legacy side."""


def merge(server: str, base: Facts | None, legacy: Facts | None, new: Facts | None, prefer: Prefer | None) -> Merged:
    """Merge a server, given what it was (`base`), and is in the legacy tables and in the new store; None is absent.

    Only what the new store changed is written, so that everything else stays as it is, to the byte.
    """
    if new in (base, legacy):
        return Merged(server)
    if legacy is None:
        return _without_legacy(server, base, new, prefer)
    if new is None:
        return _deleted(server, base, legacy, prefer)
    before = base or {}
    changed = [name for name in sorted({*before, *new} - {"agents"}) if new.get(name) != before.get(name)]
    open_fields = [name for name in changed if new.get(name) != legacy.get(name)]
    clashing = [name for name in open_fields if legacy.get(name) != before.get(name)]
    conflicts = tuple(
        Conflict(server, name, "was changed in the legacy tables and in the new store, differently")
        for name in clashing
    )
    kept = set(clashing) if prefer != "new" else set[str]()
    fields = tuple(name for name in open_fields if name not in kept)
    was, has, wants = (set(each.get("agents", ())) for each in (before, legacy, new))
    add, remove = frozenset((wants - was) - has), frozenset((was - wants) & has)
    return Merged(
        server,
        "write" if fields or add or remove else "keep",
        fields,
        add,
        remove,
        () if prefer else conflicts,
        {name: new.get(name) for name in clashing} if prefer == "legacy" else {},
    )


def _without_legacy(server: str, base: Facts | None, new: Facts | None, prefer: Prefer | None) -> Merged:
    if new is None:
        return Merged(server)
    created = Merged(server, "create", tuple(sorted({*new} - {"agents"})), frozenset(new.get("agents", ())))
    if base is None or prefer == "new":
        return created
    if prefer == "legacy":
        return Merged(server, aside=dict(new))
    conflict = Conflict(server, "as a whole", "was deleted in the legacy tables, and changed in the new store")
    return Merged(server, conflicts=(conflict,))


def _deleted(server: str, base: Facts | None, legacy: Facts, prefer: Prefer | None) -> Merged:
    if legacy == base or prefer == "new":
        return Merged(server, "delete")
    if prefer == "legacy":
        return Merged(server)
    conflict = Conflict(server, "as a whole", "was deleted in the new store, and changed in the legacy tables")
    return Merged(server, conflicts=(conflict,))
