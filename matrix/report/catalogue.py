"""What is known here: agents, servers and capabilities, as rows, and one capability explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matrix.model import Agent, Capability, Server
from matrix.redaction import printable


def agent_row(agent: Agent) -> dict[str, Any]:
    """Return what `list agents` says of one."""
    return {
        "name": agent.name,
        "note": _note(agent),
        "origin": str(agent.registration),
        "start": agent.target or " ".join(agent.command.argv if agent.command else ()),
        "protocol": agent.protocol,
        "problem": None if agent.problem is None else str(agent.problem),
        "unpinned": list(agent.unpinned),
    }


def _note(agent: Agent) -> str:
    """Return what there is to say of an agent in one line: what is wrong with it, first."""
    if agent.problem is not None:
        return f"broken: {agent.problem}"
    loose = f" (not pinned: {', '.join(agent.unpinned)})" if agent.unpinned else ""
    return f"{agent.summary or agent.registration}{loose}"


def server_row(server: Server) -> dict[str, Any]:
    """Return what `list servers` says of one."""
    return {
        "name": server.name,
        "note": f"({server.kind}; {', '.join(server.transports)}) {server.summary}",
        "kind": server.kind,
        "transports": list(server.transports),
        "revisions": list(server.revisions),
    }


def capability_row(capability: Capability) -> dict[str, Any]:
    """Return what `list capabilities` says of one."""
    return {
        "name": capability.id,
        "note": f"({capability.severity.value}) {capability.title}",
        "severity": capability.severity.value,
        "title": capability.title,
        "servers": list(capability.servers),
        "transports": list(capability.transports),
        "revisions": list(capability.revisions),
    }


def listing(rows: Sequence[dict[str, Any]]) -> str:
    """Return one line per row: its name, and what there is to say of it."""
    width = max((len(row["name"]) for row in rows), default=0)
    return printable("\n".join(f"{row['name']:<{width}}  {' '.join(row['note'].split())}" for row in rows))


def explain(capability: Capability) -> str:
    """Return what a pass means, how it is checked, against what, and why it matters."""
    against = "every real server" if capability.real else f"the stub {' and '.join(dict.fromkeys(capability.servers))}"
    parts = [
        f"{capability.id} ({capability.severity.value})",
        f"A pass means: {capability.title}",
        f"How it is checked: {capability.how}" if capability.how else "",
        f"Against {against}, over {', '.join(capability.transports)}; revisions {', '.join(capability.revisions)}.",
        f"Why it matters: users reported it broken in {', '.join(capability.failures)}." if capability.failures else "",
        f"The specification: {', '.join(each.url for each in capability.rules)}" if capability.rules else "",
        f"It rests on {', '.join(capability.needs)}." if capability.needs else "",
        f"Ask it: python -m matrix run --capability {capability.id}",
    ]
    return "\n\n".join(part for part in parts if part)
