"""What a config store's servers are for a run: whom it asks about which, what is skipped, and how to ask again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matrix.configs.assigned import Assigned, read_assigned
from matrix.errors import UsageError
from matrix.json_access import mapping
from matrix.model import ANY_REVISION, Agent, Server, ServerKind, Transport
from matrix.plan import matching_agents


def read(
    url: str, policy: Path | None, agents: Sequence[Agent], patterns: Sequence[str], note: Callable[[str], None]
) -> Assigned:
    """Read what the store assigns to the agents that the globs name, or to all where they name only the control.

    `note` is told of agents without a server. Raises UsageError where none has any.
    """
    named = [each.name for each in matching_agents(agents, patterns) if not each.is_control]
    names = named or [each.name for each in agents if not each.is_control]
    assigned = read_assigned(url, names, policy)
    without = [name for name in names if not assigned.by_agent[name]]
    if not assigned.servers:
        mend = "`python -m matrix configs list` shows whom it has servers for"
        msg = f"{assigned.shown} has no enabled server for {', '.join(names)}; {mend}"
        raise UsageError(msg)
    if without:
        note(f"{assigned.shown} has no enabled server for {', '.join(without)}")
    return assigned


def servers(assigned: Assigned) -> tuple[Server, ...]:
    """Return the servers as a plan has them."""
    return tuple(
        Server(label, each.summary, ServerKind.REAL, (Transport(each.transport),), (ANY_REVISION,), each.unprobed)
        for label, each in assigned.servers.items()
    )


def problems(assigned: Assigned) -> dict[str, str]:
    """Return why some of the servers cannot be attached."""
    return {label: each.problem for label, each in assigned.servers.items() if each.problem is not None}


def options(assigned: Assigned, policy: Path | None) -> str:
    """Return the options that name the store on a command line, its password masked."""
    words = ["--configs", assigned.shown, *(["--configs-policy", str(policy)] if policy is not None else [])]
    return shlex.join(words)


def header(assigned: Assigned) -> dict[str, Any]:
    """Return what a run's header says of the store: where it is, and which config of each server was asked about."""
    return {"url": assigned.shown, "servers": {label: each.fingerprint for label, each in assigned.servers.items()}}


def unchanged(before: Mapping[str, Any], now: Mapping[str, Any], server: str) -> bool:
    """Whether two runs' headers, `configs` or without any, speak of the same config of a server."""
    old, new = (mapping(each.get("configs")) for each in (before, now))
    of_old, of_new = (mapping(each.get("servers")).get(server) for each in (old, new))
    return (old.get("url"), of_old) == (new.get("url"), of_new)
