"""Rows for tests: running them through the local engine, and a command row that needs nothing installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matrix.capabilities.registry import find_capabilities
from matrix.engine.local import LocalEngine, Options
from matrix.events import Finished
from matrix.model import STATEFUL, Agent, Verdict
from matrix.outcome import Outcome
from matrix.plan import Filters, make_plan
from matrix.registry.discovery import find_stubs

TINY_AGENT = Path(__file__).parent / "adapters" / "tiny_agent.py"
ROUND_TRIP = "invoke.round-trip"


def tiny_argv(*vice: str) -> list[str]:
    """Return the command line of the tiny agent, as a row has it."""
    return [sys.executable, "-I", str(TINY_AGENT), "{mcp_config}", "{model_base_url}", "{prompt}", *vice]


def asked(agents: Iterable[Agent], capability: str = ROUND_TRIP) -> tuple[dict[str, Outcome], dict[str, Any]]:
    """Put one question over stdio to these agents; returns the outcomes and the evidence by the agents' names."""
    filters = Filters(capabilities=(capability,), transports=("stdio",), revisions=(STATEFUL,))
    plan = make_plan(sorted(agents, key=lambda each: each.name), find_capabilities(), find_stubs(), filters)
    finished = [event for event in LocalEngine(plan, Options()).run() if isinstance(event, Finished)]
    outcomes = {each.outcome.cell.agent: each.outcome for each in finished}
    return outcomes, {each.outcome.cell.agent: each.evidence for each in finished}


def told(outcomes: Mapping[str, Outcome]) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and reason by agent: what a failing test shows."""
    return {name: (outcome.verdict, outcome.reason) for name, outcome in outcomes.items()}
