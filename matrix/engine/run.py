"""One run, from discovery to exit code: discover → plan → run → report."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from matrix import stored
from matrix.configs.assigned import Assigned
from matrix.engine.local import LocalEngine, Options
from matrix.engine.messages import NOT_LIVE
from matrix.engine.process import warm_up
from matrix.errors import UsageError
from matrix.events import Event, Finished
from matrix.lab.servers.real import unavailable
from matrix.model import CONTROL, Matrix, Outcome, Plan, Verdict, answers_for
from matrix.plan import Filters, Machine, make_plan
from matrix.registry import environments
from matrix.registry.discovery import (
    find_agents,
    find_capabilities,
    find_servers,
    is_registration,
    load_real,
    real_servers_file,
    registration_name,
)
from matrix.registry.environments import EnvironmentSpec, EnvironmentUnavailable
from matrix.results.baseline import Entry, mark_expected, stale
from matrix.results.files import FILE_NAME, ResultsWriter, read_matrix, severities, sorted_matrix, write_complete

OUR_FAULT, AGENTS_FAULT, INTERRUPTED = 3, 1, 130
PACKAGES = ("pydantic-ai-slim", "mcp", "fastmcp-slim", "openai", "anthropic", "google-genai", "httpx2", "httpx")


@dataclass(frozen=True)
class Request:
    """What a run was asked for on the command line."""

    root: Path
    output: Path
    filters: Filters = field(default_factory=Filters)
    jobs: int | None = None
    repeat: int = 1
    shard: tuple[int, int] = (1, 1)
    baseline: tuple[Entry, ...] | None = None
    live: bool = False
    resume: bool = False
    configs: str | None = None
    """The URL of a config store, whose servers are asked about in place of the stubs and the pinned ones."""
    policy: Path | None = None
    """What replaces parts of the policy that those servers have to keep to."""


class Audience(Protocol):
    """Whoever watches a run; told of everything, answers nothing."""

    def note(self, text: str) -> None:
        """Something that is being waited for, in one line."""
        ...

    def planned(self, plan: Plan, done: int) -> None:
        """The run begins; `done` cells are kept from an earlier one."""
        ...

    def happened(self, event: Event) -> None:
        """A cell was started, or has its outcome."""
        ...


@dataclass(frozen=True)
class RunResult:
    """What a run came to; `stale` are baseline entries that no longer describe it."""

    matrix: Matrix
    exit_code: int
    stale: tuple[Entry, ...] = ()
    interrupted: bool = False


def run(request: Request, audience: Audience) -> RunResult:
    """Run what was asked for. Raises UsageError and its kin before anything is started."""
    plan, assigned = prepare(request, audience)
    baseline = request.baseline or ()
    header = make_header(plan, assigned)
    kept = _kept(request, plan, header)
    store = "" if assigned is None else stored.options(assigned, request.policy)
    finished: dict[str, Outcome] = {each.cell.id: each for each in kept}
    interrupted = False
    with ResultsWriter(request.output, header, kept) as results:
        audience.planned(plan, len(kept))
        todo = replace(plan, cells=tuple(each for each in plan.cells if each.cell.id not in finished))
        options = Options(repeat=request.repeat, live=request.live, real=real_servers_file(), assigned=assigned)
        if request.jobs is not None:
            options = replace(options, jobs=request.jobs)
        events = LocalEngine(todo, options).run()
        try:
            for event in events:
                if isinstance(event, Finished):
                    marked = replace(mark_expected([event.outcome], baseline)[0], configs=store)
                    evidence = event.evidence and {**event.evidence, "reproduce": marked.reproduce}
                    finished[event.outcome.cell.id] = results.write(marked, evidence)
                    event = replace(event, outcome=marked)  # noqa: PLW2901
                audience.happened(event)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            events.close()
    outcomes = mark_expected(blame_control(tuple(finished.values())), baseline)
    matrix = sorted_matrix(Matrix(header, outcomes, complete=not interrupted))
    if interrupted:
        return RunResult(matrix, INTERRUPTED, interrupted=True)
    write_complete(request.output / FILE_NAME, matrix)
    outdated = stale(outcomes, baseline) if request.baseline is not None else ()
    return RunResult(matrix, exit_code(matrix, outdated), outdated)


def prepare(request: Request, audience: Audience) -> tuple[Plan, Assigned | None]:
    """Discover and plan; reads the config store, if one is named; installs, on first use, what the cells need."""
    registrations = tuple(each for each in request.filters.agents if is_registration(each))
    names = tuple(registration_name(each) if is_registration(each) else each for each in request.filters.agents)
    filters = replace(request.filters, agents=names)
    agents = find_agents(request.root, registrations)
    if len(agents) == 1 and not names:
        msg = f"no agent is registered in {request.root}; name one with --agent package.module:create_agent"
        raise UsageError(msg)
    capabilities = find_capabilities()
    assigned = None
    if request.configs is not None:
        assigned = stored.read(request.configs, request.policy, agents, names, audience.note)
    servers = find_servers(real_servers_file()) if assigned is None else stored.servers(assigned)
    by_agent = None if assigned is None else assigned.by_agent
    plan = make_plan(agents, capabilities, servers, filters, shard=request.shard, assigned=by_agent)
    # Not before the filters are known to be right: what warms up keeps our standard error open.
    warm_up()
    machine = _install(plan, audience, request.live, pinned=assigned is None)
    if assigned is not None:
        machine = replace(machine, servers=stored.problems(assigned))
    return make_plan(agents, capabilities, servers, filters, machine, shard=request.shard, assigned=by_agent), assigned


def _install(plan: Plan, audience: Audience, live: bool, *, pinned: bool) -> Machine:
    """Install the environments of the plan's real servers and command rows; what cannot be had is a reason."""
    wanted = {name for each in plan.asked for name in each.cell.server.split("+")} if pinned else set[str]()
    lacking_servers: dict[str, str] = {}
    lacking_agents: dict[str, str] = {}
    failed: dict[EnvironmentSpec, str] = {}
    for name, server in load_real(real_servers_file()).items():
        if name in wanted:
            reason = unavailable(server) or _had(server.environment, failed, audience)
            if reason is not None:
                lacking_servers[name] = reason
    for agent in plan.agents:
        missing = [key for key in agent.live_keys if key not in os.environ] if live else []
        if missing and not agent.is_control:
            lacking_agents[agent.name] = f"--live needs {' and '.join(missing)} in the environment"
        if live and agent.command is not None:
            lacking_agents[agent.name] = NOT_LIVE
            continue
        spec = None if agent.command is None else agent.command.environment
        if spec is not None and (reason := _had(spec, failed, audience)) is not None:
            lacking_agents[agent.name] = reason
    return Machine(lacking_servers, lacking_agents)


def _had(spec: EnvironmentSpec, failed: dict[EnvironmentSpec, str], audience: Audience) -> str | None:
    if spec not in failed:
        try:
            environments.ensure(spec, audience.note)
        except EnvironmentUnavailable as problem:
            failed[spec] = problem.reason
    return failed.get(spec)


def _kept(request: Request, plan: Plan, header: Mapping[str, Any]) -> tuple[Outcome, ...]:
    """Return the outcomes that an interrupted run of the same plan has left, where it is to be resumed.

    What a config store has changed since then is asked again.
    """
    if not request.resume or not (request.output / FILE_NAME).is_file():
        return ()
    planned = {each.cell.id for each in plan.cells}
    before = read_matrix(request.output)
    return tuple(
        outcome
        for outcome in before.outcomes
        if outcome.cell.id in planned
        and outcome.verdict is not Verdict.ERRORED
        and stored.unchanged(before.header, header, outcome.cell.server)
    )


def blame_control(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Turn every column errored in which the control is red: the fault is ours or the server's."""
    red = {
        outcome.cell.column: outcome
        for outcome in outcomes
        if outcome.cell.agent == CONTROL and outcome.verdict not in {Verdict.PASSED, Verdict.SKIPPED}
    }
    return tuple(
        replace(
            outcome,
            verdict=Verdict.ERRORED,
            reason=f"the control is {red[outcome.cell.column].verdict.value} here: {red[outcome.cell.column].reason}",
        )
        if outcome.cell.column in red and outcome.verdict is not Verdict.SKIPPED
        else outcome
        for outcome in outcomes
    )


def exit_code(matrix: Matrix, outdated: Sequence[Entry] = ()) -> int:
    """Return the exit code that a complete matrix asks for."""
    verdicts = [outcome.verdict for outcome in matrix.outcomes]
    # The control alone answers nobody's question, unless nothing else was asked for.
    rows = [each for each in matrix.outcomes if each.cell.agent != CONTROL] or matrix.outcomes
    asked = [each for each in rows if each.verdict is not Verdict.SKIPPED]
    if not asked or Verdict.ERRORED in verdicts:
        return OUR_FAULT
    if any(outcome.expected is None for outcome in answers_for(matrix.outcomes, severities(matrix))):
        return AGENTS_FAULT
    return AGENTS_FAULT if outdated else 0


def make_header(plan: Plan, assigned: Assigned | None = None) -> dict[str, Any]:
    """Return the run's header: versions of everything that matters, and what was planned."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "matrix": _version("agent-matrix"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "pins": {
            agent.name: list(agent.command.environment.packages if agent.command.environment else ())
            for agent in plan.agents
            if agent.command is not None
        },
        "servers": {
            name: list(server.environment.packages)
            for name, server in sorted(load_real(real_servers_file()).items())
            if assigned is None
        },
        **({} if assigned is None else {"configs": stored.header(assigned)}),
        "agents": {agent.name: agent.summary for agent in plan.agents},
        "capabilities": {each.id: {"severity": each.severity.value, "title": each.title} for each in plan.capabilities},
        "planned": len(plan.cells),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
