"""Agents, servers, capabilities and outcomes for tests, in as few words as possible."""

from __future__ import annotations

from typing import Any

from matrix.model import ANY_REVISION, CONTROL, STATEFUL, Agent, Capability, Cell, Outcome, Server, Severity, Verdict
from matrix.origin import Registration, RegistrationKind

A_TEST = Registration(RegistrationKind.FOLDER, "a test")


def agent(name: str, **more: Any) -> Agent:
    return Agent(name=name, registration=A_TEST, target=f"{name}:create_agent", **more)


def stub(name: str, **more: Any) -> Server:
    return Server(name, f"A stub called {name}.", "stub", **more)


def real(name: str, *transports: str) -> Server:
    return Server(name, f"A real server called {name}.", "real", transports, (ANY_REVISION,))


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
