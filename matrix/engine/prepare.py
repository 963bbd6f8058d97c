"""Before a run: what is registered here, what will be asked of whom, and what this machine lacks for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from matrix.capabilities.registry import find_capabilities
from matrix.engine.messages import NOT_LIVE
from matrix.engine.process import warm_up
from matrix.errors import IsolatedLive, NoAgents, NoInterpreter, NothingToImport, NotPinned, nearest
from matrix.lab.servers.pinned import PinnedServers
from matrix.model import Agent, Capability, Severity
from matrix.plan import Filters, Machine, make_plan, matching_agents
from matrix.planned import Plan
from matrix.registry import environments
from matrix.registry.discovery import find_agents, find_stubs, is_registration, real_servers_file, registration_name
from matrix.registry.environments import EnvironmentUnavailable
from matrix.registry.isolation import Isolation, check_that_it_can_be_had, isolated
from matrix.registry.registration import broken, valid_name
from matrix.sources import ServerSource, SourceReader


def pinned(agents: Sequence[str], note: Callable[[str], None]) -> ServerSource:
    """Read the source that is asked about where no other is named: the real servers that we pin."""
    del agents, note
    return PinnedServers(real_servers_file())


@dataclass(frozen=True)
class Wish:
    """What is to be asked: `root` is the project whose registrations count, `source` where real servers come from."""

    root: Path
    filters: Filters = field(default_factory=Filters)
    shard: tuple[int, int] = (1, 1)
    live: bool = False
    source: SourceReader = pinned
    python: str | None = None
    """The interpreter that imports the agents that import strings name; None: ours."""
    isolation: Isolation | None = None
    """How far agents are kept apart from us, where they are."""
    strict_pins: bool = False
    """Whether rows are refused whose packages name no exact version."""
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    """How long a cell of each capability has taken before: shards are divided by it."""
    elsewhere: bool = False
    """Whether other machines ask: then nothing is installed or warmed up here, and what this one lacks says nothing."""

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out that could be asked."""
        return self.filters.narrow or self.shard != (1, 1)


@dataclass(frozen=True)
class Prepared:
    """What a run needs: its plan, and the source of the real servers in it."""

    plan: Plan
    source: ServerSource


def prepare(wish: Wish, note: Callable[[str], None]) -> Prepared:
    """Discover and plan; reads the source, and installs, on first use, what the cells need.

    `note` is told what is being waited for. Raises UsageError and its kin before anything is started.
    """
    registrations = tuple(each for each in wish.filters.agents if is_registration(each))
    names = tuple(
        valid_name(registration_name(each)) if is_registration(each) else each for each in wish.filters.agents
    )
    filters = replace(wish.filters, agents=names)
    _check_python(wish.python, registrations)
    agents = _apart(find_agents(wish.root, registrations, wish.python), wish)
    if len(agents) == 1 and not names:
        raise NoAgents(wish.root)
    capabilities = find_capabilities()
    agents = tuple(_with_known_declarations(each, capabilities) for each in agents)
    source = wish.source(_asked(agents, names), note)
    servers = (*(find_stubs() if source.assigned is None else ()), *source.servers())

    def planned(machine: Machine | None = None) -> Plan:
        return make_plan(
            agents,
            capabilities,
            servers,
            filters,
            machine,
            shard=wish.shard,
            seconds=wish.seconds,
            assigned=source.assigned,
        )

    plan = planned()
    unpinned = {agent.name: agent.unpinned for agent in plan.agents if agent.unpinned}
    if unpinned and wish.strict_pins:
        raise NotPinned(unpinned)
    if wish.elsewhere:
        return Prepared(plan, source)
    warm_up()
    wanted = {name for each in plan.asked for name in each.cell.servers}
    machine = Machine(source.lacking(wanted, note), _lacking_agents(plan.agents, wish.live, note))
    return Prepared(planned(machine), source)


def _apart(agents: tuple[Agent, ...], wish: Wish) -> tuple[Agent, ...]:
    """Return the agents as far apart as they are to be. Raises UsageError where that cannot be had."""
    if wish.isolation is None:
        return agents
    if wish.live:
        raise IsolatedLive
    if not wish.elsewhere:
        check_that_it_can_be_had(wish.isolation)
    return tuple(isolated(each, wish.isolation) for each in agents)


def _check_python(python: str | None, registrations: Sequence[str]) -> None:
    """Raise UsageError where an interpreter is named that is not there, or that has nothing to import."""
    if python is None:
        return
    if all(each.endswith(".toml") for each in registrations):
        raise NothingToImport
    if shutil.which(str(Path(python).expanduser().absolute())) is None:
        raise NoInterpreter(python)


def _with_known_declarations(agent: Agent, capabilities: Sequence[Capability]) -> Agent:
    """Return the agent, or, where it declares absent what is no optional capability, a row that says so."""
    optional = [each.id for each in capabilities if each.severity is Severity.OPTIONAL]
    unknown = next((each for each in sorted(agent.unsupported) if each not in optional), None)
    if unknown is None or agent.problem is not None:
        return agent
    cause = f"unsupported: {unknown!r} is no optional capability{nearest(unknown, optional)}"
    mend = f"correct `unsupported` in {agent.registration}; `matrix list capabilities` shows which are optional"
    return broken(agent.name, agent.registration, cause, mend)


def _asked(agents: Sequence[Agent], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the agents that the globs name, or all where they name only the control."""
    named = [each.name for each in matching_agents(agents, patterns) if not each.is_control]
    return tuple(named or [each.name for each in agents if not each.is_control])


def _lacking_agents(agents: Sequence[Agent], live: bool, note: Callable[[str], None]) -> dict[str, str]:
    """Return why some agents cannot be asked here; installs the environments of the others."""
    reasons: dict[str, str] = {}
    for agent in agents:
        reason = _not_live(agent) if live else None
        if reason is None:
            reason = _not_installed(agent, note)
        if reason is not None:
            reasons[agent.name] = reason
    return reasons


def _not_live(agent: Agent) -> str | None:
    if agent.command is not None or agent.harness is not None:
        return NOT_LIVE
    missing = [key for key in agent.live_keys if key not in os.environ]
    if missing and not agent.is_control:
        return f"--live needs {' and '.join(missing)} in the environment"
    return None


def _not_installed(agent: Agent, note: Callable[[str], None]) -> str | None:
    try:
        if agent.environment is not None:
            environments.ensure(agent.environment, note)
    except EnvironmentUnavailable as problem:
        return problem.reason
    return None
