"""real: the same questions to every server of the outside world."""

from __future__ import annotations

from collections.abc import Sequence

from matrix.capabilities.lifecycle import SHUTDOWN_SECONDS
from matrix.capabilities.meaning import losses
from matrix.capabilities.registry import capability
from matrix.capabilities.schema import accepts
from matrix.capabilities.verbs import CellVerbs, Run, Unsupported, expect
from matrix.errors import ServerFault
from matrix.json_access import mapping
from matrix.lab.model.finding import find_tool, not_offered
from matrix.lab.script import Call, Turn, call_with, say
from matrix.model import Probe, Transport

RUNS = 8
_MOST_LOSSES = 3


@capability(
    "real.discovery",
    severity="core",
    real=True,
    transports=tuple(Transport),
    shares_a_run=True,
)
async def discovery(cell: CellVerbs) -> None:
    """Exactly the tools that the server lists are offered.

    The agent's own tools, seen without the server, are set aside; of the rest, each has to be one that the server
    listed, and each that it listed has to be there.
    """
    alone = await (await cell.another(with_servers=False)).attempt(say("hello"))
    run = await _connected(cell)
    own = {tool.name for tool in alone.offered}
    offered = [tool for tool in run.offered if tool.name not in own]
    listed = cell.trace.listed()
    missing = not_offered(listed, offered)
    if missing and run.search is not None:
        raise Unsupported(f"the agent shows its tools by {run.search}, as many as a search finds, and not all of them")
    expect(not missing, f"{len(missing)} of the server's {len(listed)} tools were not offered: {', '.join(missing)}")
    expect(
        len(offered) == len(listed),
        f"{len(offered)} tools were offered where the server has {len(listed)}",
    )


@capability(
    "real.schema",
    severity="core",
    real=True,
    transports=tuple(Transport),
    shares_a_run=True,
)
async def schema(cell: CellVerbs) -> None:
    """Each tool's schema reaches the model with its meaning kept.

    For every tool the offered schema has to have the server's properties, types, enumerations, required names and item
    types, to any depth, and to accept the arguments of every probe. What is optional may be required and nullable
    instead, as strict schemas have it.
    """
    run = await _connected(cell)
    if not cell.trace.listed():
        raise ServerFault("the server has no tools")
    compared = 0
    for name, tool in sorted(cell.trace.listed().items()):
        offered = next(
            (each for each in run.offered if each.name == _found(cell, run, name)),
            None,
        )
        if offered is None:
            continue  # real.discovery tells of it
        compared += 1
        lost = losses(mapping(tool.get("inputSchema")), offered.schema)
        expect(not lost, f"in the offered schema of {name} {'; '.join(lost[:_MOST_LOSSES])}")
    expect(compared, "none of the server's tools was offered")
    for probe in cell.probes():
        name = _found(cell, run, probe.tool)
        for offered in run.offered:
            if offered.name == name:
                accepts(offered, probe.arguments)


@capability(
    "real.invocation",
    severity="core",
    real=True,
    probes=True,
    transports=tuple(Transport),
    shares_a_run=True,
)
async def invocation(cell: CellVerbs) -> None:
    """Every declared probe (a call and what its result must hold) succeeds.

    The probes are called in one run, one after the other, each with a token of this run.
    """
    probes = cell.probes()
    run = await cell.ask(*(_call(cell, probe) for probe in probes))
    _answered(run, probes)


@capability("real.concurrent", severity="core", real=True, probes=True, transports=tuple(Transport), deadline=300)
async def concurrent(cell: CellVerbs) -> None:
    """The probes succeed from eight runs at once, each with its own answer.

    Eight runs of the agent call the first two probes together, each with a token of its own.
    """
    sets = [cell.probes(number)[:2] for number in range(RUNS)]
    runs = await cell.gather(*(cell.ask(*(_call(cell, probe) for probe in probes)) for probes in sets))
    for run, probes in zip(runs, sets, strict=True):
        own = {probe.contains for probe in probes}
        others = [probe for each in sets for probe in each if probe.contains not in own]
        _answered(run, probes, others)


@capability(
    "real.shutdown",
    severity="core",
    real=True,
    transports=["stdio"],
    shares_a_run=True,
)
async def shutdown(cell: CellVerbs) -> None:
    """The server's processes are gone after the run.

    One probe is called, where the server has any; once the run has ended, every process that the agent started has to
    end. An agent that offers a `close()` or `aclose()` is closed first.
    """
    await _connected(cell)
    await cell.retire()
    started = cell.trace.started()
    expect(started, "the agent did not start the server's process")
    gone = await cell.trace.until(lambda: not cell.trace.open_sessions(), SHUTDOWN_SECONDS)
    expect(gone, f"the server's process still ran {SHUTDOWN_SECONDS:g} s after the run")
    stayed = await cell.leftovers(SHUTDOWN_SECONDS)
    expect(not stayed, f"the run left {', '.join(stayed)} running")


def _found(cell: CellVerbs, run: Run, tool: str) -> str | None:
    """Return the name under which a tool of the server was offered."""
    return find_tool(Call(tool, server=cell.servers[0]), run.offered, cell.trace.listed(cell.servers[0]))


async def _connected(cell: CellVerbs) -> Run:
    """Run the agent with the first probe; where there is none, on a plain turn, before which it lists the tools."""
    probes = cell.probes()
    if probes:
        return await cell.ask(_call(cell, probes[0]))
    run = await cell.ask(say("hello"))
    expect(cell.trace.requests("tools/list"), "the agent did not ask the server for its tools")
    return run


def _call(cell: CellVerbs, probe: Probe) -> Turn:
    """Call a probe's tool, of this server: an agent may have a tool of that name itself."""
    return call_with(probe.tool, probe.arguments, on=cell.servers[0])


def _answered(run: Run, probes: Sequence[Probe], others: Sequence[Probe] = ()) -> None:
    """Expect that the model was shown what each probe has to return, and not what one of another run has to."""
    shown = run.shown()
    for probe, each in zip(probes, shown, strict=True):
        expect(each is not None, f"the model was never shown the result of {probe.tool}")
        text = "" if each is None else each.text
        held = _squeezed(probe.contains) in _squeezed(text)
        # What a server has kept of all runs may stand in an answer besides.
        anothers = any(_squeezed(other.contains) in _squeezed(text) for other in others if other.tool == probe.tool)
        expect(held or not anothers, f"a run was shown what {probe.tool} answered another run")
        expect(held, f"{probe.tool} answered {text[:160]!r}, which does not hold {probe.contains!r}")


def _squeezed(text: str) -> str:
    """Take out what agents may change when they hand a result on as JSON: white space, escapes, quotes' slashes."""
    return "".join(text.replace("\\n", " ").replace("\\", "").split())
