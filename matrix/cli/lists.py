"""`list` and `explain`: what is known here."""

from __future__ import annotations

import json
from pathlib import Path

import click

from matrix.errors import UnknownName


@click.command("list")
@click.argument("what", type=click.Choice(["agents", "servers", "capabilities"]), default="agents")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def list_(what: str, as_json: bool) -> None:
    """List the agents, servers or capabilities that are known here."""
    from matrix.capabilities.registry import find_capabilities  # noqa: PLC0415
    from matrix.lab.servers.pinned import PinnedServers  # noqa: PLC0415
    from matrix.registry import discovery  # noqa: PLC0415
    from matrix.report import catalogue  # noqa: PLC0415

    none_registered = False
    if what == "agents":
        agents = discovery.find_agents(Path.cwd())
        none_registered = all(each.is_control for each in agents)
        rows = [catalogue.agent_row(each) for each in agents]
    elif what == "servers":
        pinned = PinnedServers(discovery.real_servers_file())
        rows = [catalogue.server_row(each) for each in (*discovery.find_stubs(), *pinned.servers())]
    else:
        rows = [catalogue.capability_row(each) for each in find_capabilities()]
    click.echo(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else catalogue.listing(rows))
    if none_registered and not as_json:
        click.echo("no agent is registered here; `run --agent package.module:attribute` asks one anyway", err=True)


@click.command()
@click.argument("capability")
def explain(capability: str) -> None:
    """Say what a pass of CAPABILITY means, why it matters, and how it is checked."""
    from matrix.capabilities.registry import find_capabilities  # noqa: PLC0415
    from matrix.report import catalogue  # noqa: PLC0415

    known = {each.id: each for each in find_capabilities()}
    if capability not in known:
        raise UnknownName("capability", capability, known, "list capabilities")
    click.echo(catalogue.explain(known[capability]))


COMMANDS = (list_, explain)
