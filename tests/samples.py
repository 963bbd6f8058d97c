"""Agents, servers, capabilities and outcomes for tests, in as few words as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matrix.model import (
    ANY_REVISION,
    CONTROL,
    STATEFUL,
    Agent,
    Capability,
    Cell,
    Server,
    ServerKind,
    Severity,
    Transport,
    Verdict,
)
from matrix.origin import Registration, RegistrationKind
from matrix.outcome import CapabilityHeader, Outcome, RunHeader

A_TEST = Registration(RegistrationKind.FOLDER, "a test")


def agent(name: str, **more: Any) -> Agent:
    return Agent(
        name=name,
        registration=Registration(RegistrationKind.FOLDER, f"a test's {name}"),
        target=f"{name}:create_agent",
        **more,
    )


def stub(name: str, **more: Any) -> Server:
    return Server(name, f"A stub called {name}.", ServerKind.STUB, **more)


def real(name: str, *transports: str) -> Server:
    return Server(
        name, f"A real server called {name}.", ServerKind.REAL, tuple(map(Transport, transports)), (ANY_REVISION,)
    )


def capability(capability_id: str, *servers: str, severity: str = "core", **more: Any) -> Capability:
    return Capability(
        id=capability_id,
        title=f"What a pass of {capability_id} means.",
        how="",
        severity=Severity(severity),
        check=lambda _: None,
        servers=servers,
        **more,
    )


def outcome(cell: str, verdict: str = "passed", reason: str = "", **more: Any) -> Outcome:
    """Return an outcome; `stan::invoke.round-trip` is enough of a cell."""
    if "[" not in cell:
        cell = f"{cell}::echo[http,{STATEFUL}]" if cell.count("::") == 1 else f"{cell}[http,{STATEFUL}]"
    return Outcome(Cell.parse(cell), Verdict(verdict), reason, **{"attempts": (Verdict(verdict),), **more})


CONTROL_AGENT = agent(CONTROL)


def header(severities: Mapping[str, str | Severity] | None = None, **more: Any) -> RunHeader:
    """Return a run's header that knows these capabilities' severities."""
    known = {name: CapabilityHeader(Severity(each)) for name, each in (severities or {}).items()}
    return RunHeader(capabilities=known, **more)
