"""All saboteurs, by the capability that each has to turn red: one for each, and further ones for other vices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.saboteurs import (
    agent,
    concurrency,
    discovery,
    invoke,
    invoke_errors,
    invoke_results,
    lifecycle,
    real,
    schema,
    transport,
)
from tests.saboteurs.saboteur import Saboteur

_GROUPS = (
    discovery,
    schema,
    invoke,
    invoke_errors,
    invoke_results,
    concurrency,
    transport,
    lifecycle,
    agent,
    real,
)

SABOTEURS: Mapping[str, Saboteur] = {
    capability: saboteur for group in _GROUPS for capability, saboteur in group.SABOTEURS.items()
}
ALL: Sequence[tuple[str, Saboteur]] = tuple(
    pair for group in _GROUPS for pair in (*group.SABOTEURS.items(), *getattr(group, "FURTHER", ()))
)
