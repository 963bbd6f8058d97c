"""Running saboteurs: what is asked of them, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from matrix.capabilities.registry import find_capabilities
from matrix.engine.local import LocalEngine, Options
from matrix.events import Finished
from matrix.lab.servers.pinned import PinnedServers
from matrix.model import STATEFUL, Agent, Capability, Cell, Verdict, group_of
from matrix.outcome import Outcome
from matrix.plan import make_plan
from matrix.planned import Plan
from matrix.registry.discovery import find_agents, find_stubs, real_servers_file
from matrix.results.judgement import settled
from tests.saboteurs.saboteur import Saboteur

REPOSITORY = Path(__file__).parents[2]
CONTROL = next(each for each in find_agents(REPOSITORY / "tests" / "nowhere") if each.is_control)
REAL = PinnedServers(real_servers_file())
CAPABILITIES = {each.id: each for each in find_capabilities()}
THIRD, EIGHTH = 3, 8
REAL_SERVER = "memory"
"""The real server that saboteurs meet: it is ready in a third of a second."""
SLOW = frozenset({"concurrency.many-runs", "concurrency.pool", "concurrency.all-agents", "invoke.timeout"})
"""Besides its own capability, a saboteur is asked these only when its vice is one of concurrency."""


def sabotaged(capability: str, saboteur: Saboteur, *, whole: bool) -> Plan:
    """Plan every cell of a saboteur's capability, the control's too, and one of each other stub capability.

    Every saboteur with every question is quadratic: unless it is to be the whole, the others are those that it is known
    to be related to, of the same group one in three, and of the rest one in eight, for each saboteur others.
    """
    target = replace(CAPABILITIES[capability], deadline=saboteur.shortened(CAPABILITIES[capability]))
    first, *_ = agents = saboteur.agents(REPOSITORY)
    ids, group = sorted(CAPABILITIES), sorted(each for each in CAPABILITIES if group_of(each) == target.group)
    sample = {*ids[ids.index(capability) % EIGHTH :: EIGHTH], *group[group.index(capability) % THIRD :: THIRD]}

    def wanted(cell: Cell) -> bool:
        if cell.capability == capability:
            return not target.real or cell.server == REAL_SERVER
        other = CAPABILITIES[cell.capability]
        skipped = cell.capability in SLOW and target.group != "concurrency"
        near = whole or other.id in saboteur.related or other.id in sample
        return cell.agent == first.name and near and not skipped and is_the_one(cell, other, saboteur.transport)

    others = [each for each in CAPABILITIES.values() if each.id != capability]
    return planned([CONTROL, *agents], [target, *others], wanted)


def planned(agents: Sequence[Agent], capabilities: Iterable[Capability], wanted: Callable[[Cell], bool]) -> Plan:
    """Plan the wanted cells."""
    plan = make_plan(agents, list(capabilities), [*find_stubs(), *REAL.servers()])
    return replace(plan, cells=tuple(each for each in plan.cells if wanted(each.cell)))


def is_the_one(cell: Cell, capability: Capability, transport: str) -> bool:
    """Whether this is the one cell of a stub capability: over this transport, in 2025-11-25, where it has them."""
    over = transport if transport in capability.transports else capability.transports[0]
    within = STATEFUL if STATEFUL in capability.revisions else capability.revisions[0]
    return not capability.real and cell.transport == over and cell.revision == within


def ran(plan: Plan, options: Options | None = None) -> list[Outcome]:
    """Run a plan and return what its cells came to."""
    engine = LocalEngine(plan, options or Options(source=REAL))
    found = [each.outcome for each in engine.run() if isinstance(each, Finished)]
    return list(settled(found, needs={each.id: each.needs for each in plan.capabilities}))


def red(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Return the cells that did not pass, each with its verdict and reason."""
    return {each.cell.id: f"{each.verdict}: {each.reason}" for each in outcomes if each.verdict is not Verdict.PASSED}


def is_caught(outcome: Outcome, because: str) -> bool:
    """Whether the agent is blamed, in a readable sentence that says why."""
    readable = because in outcome.reason and "Traceback" not in outcome.reason and "\n" not in outcome.reason
    return outcome.verdict in {Verdict.FAILED, Verdict.TIMED_OUT} and readable
