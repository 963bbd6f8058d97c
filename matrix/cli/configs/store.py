"""Commands on the store: make it, look at it, put configs in, get them out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from matrix.cli.configs.common import AS_JSON, FILE, URL, configs, run
from matrix.errors import UsageError

if TYPE_CHECKING:
    from matrix.configs.database import Database
    from matrix.configs.model import ServerConfig
    from matrix.configs.secrets import Sealer


@configs.command("new-key")
def new_key_() -> None:
    """Print a new key, for MATRIX_CONFIGS_KEY; keep it where you keep secrets."""
    from matrix.configs.secrets import new_key  # noqa: PLC0415

    click.echo(new_key())


@configs.command()
@URL
def init(url: str) -> None:
    """Make the store in a database, or bring it up to date."""

    async def work(database: Database, _: Sealer) -> str:
        await database.upgrade()
        return database.shown

    click.echo(f"the store is ready in {run(url, work)}")


@configs.command("list")
@URL
@click.option("--agent", help="Only the servers that this agent has.")
@click.option("--enabled", is_flag=True, help="Only those that are enabled.")
@AS_JSON
def list_(url: str, agent: str | None, enabled: bool, as_json: bool) -> None:
    """List the store's servers, secrets masked."""
    from matrix.configs.report import listing  # noqa: PLC0415
    from matrix.configs.secrets import mask  # noqa: PLC0415
    from matrix.configs.store import ConfigStore  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> list[dict[str, Any]]:
        await database.check()
        async with database.reading() as connection:
            found = await ConfigStore(connection).list_mcp_configs(agent, enabled_only=enabled)
        return [mask(each.config.to_json()) for each in found]

    rows = run(url, work)
    click.echo(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else listing(rows), nl=as_json)


@configs.command()
@URL
@click.argument("name")
def show(url: str, name: str) -> None:
    """Show one server of the store as JSON, secrets masked."""
    from matrix.configs.secrets import mask  # noqa: PLC0415
    from matrix.configs.store import ConfigStore  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> dict[str, Any]:
        await database.check()
        async with database.reading() as connection:
            return mask((await ConfigStore(connection).get_mcp_config(name)).config.to_json())

    click.echo(json.dumps(run(url, work), ensure_ascii=False, indent=1))


@configs.command()
@click.argument("file", type=FILE)
@click.option("--policy", "rules", type=FILE, help="A security policy other than the default one.")
@AS_JSON
def read(file: Path, rules: Path | None, as_json: bool) -> int:
    """Say what is understood of a config FILE of any dialect, and what the security policy says of it."""
    from matrix.configs.policy import read_policy, violations  # noqa: PLC0415
    from matrix.configs.reader import read_file  # noqa: PLC0415
    from matrix.configs.report import listing, reading  # noqa: PLC0415
    from matrix.configs.secrets import mask  # noqa: PLC0415

    found = read_file(file)
    rows = [mask(each.to_json()) for each in found.configs]
    policy = read_policy(rules)
    findings = [(each.name, violation) for each in found.configs for violation in violations(each, policy)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        click.echo(reading(found, findings) + listing(rows), nl=False)
    return 2 if found.problems else 0


@configs.command("import")
@URL
@click.argument("file", type=FILE)
@click.option("--agent", "agents", multiple=True, metavar="NAME", help="Assign what is read to this agent as well.")
@click.option("--policy", type=FILE, help="A security policy other than the default one.")
@click.option("--replace", is_flag=True, help="Replace servers that the store already has.")
def import_(url: str, file: Path, agents: tuple[str, ...], policy: Path | None, replace: bool) -> None:
    """Put the servers of a config FILE of any dialect into the store: all of them, or none."""
    from matrix.configs.bulk import import_configs  # noqa: PLC0415
    from matrix.configs.policy import read_policy  # noqa: PLC0415
    from matrix.configs.reader import read_file  # noqa: PLC0415

    found = read_file(file, assigned=bool(agents))
    if found.problems:
        raise UsageError(f"{file}: nothing was imported: {found.problems[0]}")
    rules = read_policy(policy)
    made, replaced = run(
        url,
        lambda database, sealer: import_configs(
            database, sealer, found.configs, agents, rules, replace=replace, who=_me()
        ),
    )
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    servers = "server" if made == 1 else "servers"
    click.echo(f"{made} {servers} added, {replaced} replaced, from {file} ({found.dialect})")


def _me() -> str:
    """Return what the audit calls whoever sits at this machine."""
    return f"local:{os.environ.get('USER') or os.environ.get('USERNAME') or 'unknown'}"[:128]


@configs.command()
@URL
@click.option("--agent", help="Only the servers that this agent has.")
@click.option("--dialect", default="configs", show_default=True, help="configs, mcpServers or vscode.")
def export(url: str, agent: str | None, dialect: str) -> None:
    """Print the store's servers in a dialect that others read; secrets stay references."""
    from matrix.configs.reader import losses, write_configs  # noqa: PLC0415
    from matrix.configs.store import ConfigStore  # noqa: PLC0415

    async def work(database: Database, _: Sealer) -> list[ServerConfig]:
        await database.check()
        async with database.reading() as connection:
            return [each.config for each in await ConfigStore(connection).list_mcp_configs(agent)]

    found = run(url, work)
    click.echo(write_configs(found, dialect), nl=False)
    for note in losses(found, dialect):
        click.echo(f"note: {note}", err=True)


@configs.command()
@URL
@click.option(
    "--scale", default="small", show_default=True, help="small, production, internet, or a number of servers."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--into", type=click.Choice(["legacy", "new"]), default="legacy", show_default=True)
@click.option("--defects", is_flag=True, help="With orphans and duplicates, which have to stop a migration.")
def generate(url: str, scale: str, seed: int, into: str, defects: bool) -> None:
    """Fill empty tables with realistic configs, the ugly cases included; the same for the same seed."""
    from matrix.configs.generator.fill import fill_legacy, fill_store  # noqa: PLC0415

    async def work(database: Database, sealer: Sealer) -> None:
        await database.upgrade()
        if into == "legacy":
            await fill_legacy(database, scale, seed, defects=defects)
        else:
            await fill_store(database, scale, seed, sealer=sealer)

    run(url, work)
    click.echo(f"generated {scale} into the {into} tables")
