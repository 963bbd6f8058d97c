"""The header of a run: versions of everything that matters, and what was planned."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from matrix.engine.local import Options
from matrix.outcome import CapabilityHeader, RunHeader
from matrix.planned import Plan

PACKAGES = ("pydantic-ai-slim", "mcp", "fastmcp-slim", "openai", "anthropic", "google-genai", "httpx2", "httpx")


def header_of(plan: Plan, options: Options) -> RunHeader:
    """Return the header of a run of this plan; the only place that asks for the time."""
    header = RunHeader(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        matrix=version_of("agent-matrix"),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: version_of(name) for name in PACKAGES},
        pins={agent.name: agent.packages for agent in plan.agents if agent.command or agent.harness},
        unpinned={agent.name: agent.unpinned for agent in plan.agents if agent.unpinned},
        agents={agent.name: agent.summary for agent in plan.agents},
        capabilities={each.id: CapabilityHeader(each.severity, each.title, each.needs) for each in plan.capabilities},
        planned=len(plan.cells),
        shard=plan.shard,
        live=options.live,
        repeat=options.repeat,
    )
    return options.source.described(header)


def version_of(package: str) -> str:
    """Return the version of a package that is installed here."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
